/**
 * node_modules, as package-lock.json says. The lock's hash is kept inside node_modules: when it is another
 * one, or missing, everything is installed afresh.
 * @module
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { BootstrapError } from './report.mjs';
import { runStep } from './step.mjs';

const TIMEOUT_MS = 15 * 60_000;

/** @param {string} root */
function lockHash(root) {
  return createHash('sha256')
    .update(readFileSync(path.join(root, 'package-lock.json')))
    .digest('hex');
}

/**
 * Whether node_modules was installed, to its end, from the package-lock.json that is there now.
 * @param {string} root
 */
export function isInstalled(root) {
  const stamp = path.join(root, 'node_modules/.khop-lock');
  return existsSync(stamp) && readFileSync(stamp, 'utf8').trim() === lockHash(root);
}

/** @param {string} root */
export async function ensureNodeModules(root) {
  if (isInstalled(root)) return;
  // npm tells its children where it is itself; without it, npm on PATH.
  const npm = process.env.npm_execpath;
  const [file, before] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  // Not `npm ci`: it refuses a lock that lacks a platform's optional package where a mirror does not carry it.
  // With --no-save the lock still decides the versions and stays as it is.
  // dev and optional packages hold the tools and Node.js itself: NODE_ENV=production must not drop them.
  const args = [
    ...before,
    'install',
    '--no-save',
    '--ignore-scripts',
    '--include=dev',
    '--include=optional',
    '--no-progress',
  ];
  const result = await runStep('installing the packages of package-lock.json (npm install)', file, args, {
    cwd: root,
    timeoutMs: TIMEOUT_MS,
  });
  if (!result.ok)
    throw new BootstrapError(
      `npm install failed; its last words:\n${result.tail}\nis the npm registry reachable?`,
    );
  writeFileSync(path.join(root, 'node_modules/.khop-lock'), `${lockHash(root)}\n`);
}

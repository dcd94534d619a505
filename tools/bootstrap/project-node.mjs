/**
 * The project's own Node.js: it comes as an npm package, so that every machine runs the same one.
 * @module
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { BootstrapError } from './report.mjs';

/**
 * @param {string} root
 * @param {string} [platform]
 * @param {string} [arch]
 */
export function projectNodePath(root, platform = process.platform, arch = process.arch) {
  if (platform !== 'linux' || (arch !== 'x64' && arch !== 'arm64'))
    throw new BootstrapError(`khop is built on Linux, x64 or arm64; this machine is ${platform}, ${arch}`);
  const node = path.join(root, `node_modules/node-linux-${arch}/bin/node`);
  if (!existsSync(node))
    throw new BootstrapError(`${node} is missing: remove node_modules and run this again`);
  return node;
}

/**
 * What to do when the binary does not start, from what the dynamic loader said.
 * @param {string} words stderr, or the spawn error's message
 */
export function explainStartFailure(words) {
  const library = /loading shared libraries: (\S+):/.exec(words)?.[1];
  if (library?.startsWith('libatomic'))
    return "the project's Node.js needs libatomic.so.1: install libatomic1 (Debian, Ubuntu) or libatomic (Fedora)";
  if (library !== undefined) return `the project's Node.js needs ${library}: install the package that has it`;
  if (words.includes('GLIBC'))
    return "the project's Node.js needs glibc 2.28 or newer; this machine's is older";
  if (words.includes('ENOENT')) return "the project's Node.js needs glibc; this machine seems to have musl";
  if (words.includes('EACCES'))
    return 'the project folder is on a file system mounted noexec: move it elsewhere';
  return `the project's Node.js does not start: ${words.trim()}`;
}

/**
 * @param {string} node
 * @throws {BootstrapError} with the remedy when the binary does not start
 */
export function checkProjectNode(node) {
  const result = spawnSync(node, ['--version'], { encoding: 'utf8', timeout: 30_000 });
  if (result.status === 0) return;
  throw new BootstrapError(explainStartFailure(result.error?.message ?? result.stderr));
}

const FORWARDED = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']);

/**
 * Runs a script and ends as it ends: same exit status, or 128 + the number of the signal that killed it.
 * @param {string} node
 * @param {string} script
 * @param {string[]} args
 * @param {string} cwd
 * @returns {Promise<number>}
 */
export function runScript(node, script, args, cwd) {
  return new Promise((resolve, reject) => {
    const child = spawn(node, [script, ...args], { cwd, stdio: 'inherit' });
    const forward = (/** @type {NodeJS.Signals} */ name) => {
      // A terminal sends its Ctrl-C to the child as well: twice would look like impatience.
      if (name !== 'SIGINT' || !process.stdin.isTTY) child.kill(name);
    };
    for (const name of FORWARDED) process.on(name, forward);
    child.on('error', (error) => reject(new BootstrapError(`${node}: ${error.message}`)));
    child.on('close', (status, signal) => {
      for (const name of FORWARDED) process.off(name, forward);
      resolve(status ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}

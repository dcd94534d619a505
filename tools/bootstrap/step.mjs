/**
 * One long external command: quiet while it goes well, a line every ten seconds, its last words when it fails.
 * @module
 */
import { spawn } from 'node:child_process';
import { say } from './report.mjs';

const HEARTBEAT_MS = 10_000;
const LINES_SHOWN = 15;

/**
 * @typedef {object} StepOptions
 * @property {string} cwd
 * @property {number} timeoutMs the command gets SIGTERM then, SIGKILL 5 s later
 * @property {boolean} [asksPerson] leave the terminal to the command (sudo asks for a password)
 */

/**
 * @param {string} title said before the command starts
 * @param {string} file
 * @param {string[]} args
 * @param {StepOptions} options
 * @returns {Promise<{ok: boolean, tail: string}>} `tail` is the end of what it wrote
 */
export function runStep(title, file, args, options) {
  const startedAt = Date.now();
  say(title);
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      cwd: options.cwd,
      stdio: [options.asksPerson ? 'inherit' : 'ignore', 'pipe', 'pipe'],
    });
    /** @type {string[]} */
    let lines = [];
    const keep = (/** @type {Buffer} */ chunk) => {
      lines = `${lines.join('\n')}${chunk}`.split('\n').slice(-LINES_SHOWN);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    const seconds = () => Math.round((Date.now() - startedAt) / 1000);
    const heartbeat = setInterval(() => {
      say(`  ${seconds()} s: ${lines.findLast((line) => line.trim() !== '')?.slice(0, 100) ?? 'working'}`);
    }, HEARTBEAT_MS);
    const deadline = setTimeout(() => {
      keep(Buffer.from(`\nstopped: not done after ${options.timeoutMs / 1000} s\n`));
      child.kill('SIGTERM');
      setTimeout(() => child.kill('SIGKILL'), 5000).unref();
    }, options.timeoutMs);
    const end = (/** @type {boolean} */ ok) => {
      clearInterval(heartbeat);
      clearTimeout(deadline);
      if (ok) say(`  done in ${seconds()} s`);
      resolve({ ok, tail: lines.join('\n').trimEnd() });
    };
    child.on('error', (error) => {
      keep(Buffer.from(`\n${file}: ${error.message}`));
      end(false);
    });
    child.on('close', (status) => end(status === 0));
  });
}

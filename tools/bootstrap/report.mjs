/**
 * How the set-up talks: lines on stderr, so that a verb's own output stays clean.
 * @module
 */

/** The set-up cannot go on; the message says what to do. Exit status 1 unless told. */
export class BootstrapError extends Error {
  /**
   * @param {string} message
   * @param {number} [exitStatus]
   */
  constructor(message, exitStatus = 1) {
    super(message);
    this.name = 'BootstrapError';
    this.exitStatus = exitStatus;
  }
}

/** @param {string} text one or more lines */
export function say(text) {
  process.stderr.write(`khop set-up: ${text}\n`);
}

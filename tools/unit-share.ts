/**
 * Unit tests of several files in one process: to start one for each would take longer than they do.
 * Run by tools/test.ts as a test file; its arguments are the files.
 * @module
 */
import { test } from 'node:test';

/** What a test waits for may be nothing that keeps a process alive. */
const alive = setInterval(() => undefined, 60_000);

for (const file of process.argv.slice(2)) await import(file);

// Tests run in the order in which they are registered.
test('the end of unit-share.ts', () => clearInterval(alive));

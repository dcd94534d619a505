/**
 * Unit tests of several files in one process: to start one for each would take longer than they do.
 * Run by tools/test.ts as a test file; its arguments are the files.
 * @module
 */
for (const file of process.argv.slice(2)) await import(file);

/**
 * `npm run check`: what a machine can say about the sources without running them.
 * @module
 */
import { join } from 'node:path';
import { runChecks } from './check/checks.ts';

let failed = 0;
for (const { name, problems } of await runChecks(join(import.meta.dirname, '..'))) {
  console.log(`${problems.length === 0 ? 'ok  ' : 'FAIL'} ${name}`);
  for (const problem of problems) console.log(`     ${problem}`);
  failed += problems.length === 0 ? 0 : 1;
}
process.exitCode = failed === 0 ? 0 : 1;

/**
 * What a failed test is shown as.
 * @module
 */
import { KhopError } from '../src/error.ts';

const MAX_LINES = 60;

/** Its stack and those of its causes and, of an error of ours, what to do; indented. */
export function describeFailure(error: Error): string {
  // The runner's own error has nothing to say but the test's.
  return causesOf(error.cause instanceof Error ? error.cause : error)
    .map((each) => {
      const hint = each instanceof KhopError ? `\n${each.hint}` : '';
      return `${each.stack ?? each.message}${hint}`;
    })
    .join('\nbecause of: ')
    .split('\n')
    .slice(0, MAX_LINES)
    .map((line) => `       ${line}`)
    .join('\n');
}

function causesOf(error: Error): Error[] {
  return [error, ...(error.cause instanceof Error ? causesOf(error.cause) : [])];
}

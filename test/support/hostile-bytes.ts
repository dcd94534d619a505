/**
 * Damaged inputs for parsers: whatever happens to the bytes, a parser gives a value or a KhopError.
 * @module
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { KhopError } from '../../src/error.ts';
import { inputs } from './inputs.ts';

type Parse = (bytes: Uint8Array) => unknown;

/** What `parse` made of the bytes: its value, or the KhopError it threw. Any other error fails the test. */
export function outcomeOf(parse: Parse, bytes: Uint8Array): unknown {
  try {
    return parse(bytes);
  } catch (error) {
    assert.ok(error instanceof KhopError, `threw ${String(error)}, not a KhopError`);
    assert.ok(error.message !== '' && error.hint !== '', 'an error without words');
    return error;
  }
}

/**
 * Cuts `bytes` at every length (at most `samples` of them, always with the last 64) and gives each prefix to
 * `parse`. Prefixes shorter than `requiredLength` must be refused with a KhopError.
 */
export function assertSurvivesTruncation(
  parse: Parse,
  bytes: Uint8Array,
  requiredLength = 0,
  samples = 4096,
): void {
  const step = Math.max(1, Math.floor(bytes.length / samples));
  for (let length = 0; length < bytes.length; length += bytes.length - length <= 64 ? 1 : step) {
    const outcome = outcomeOf(parse, bytes.slice(0, length));
    if (length < requiredLength)
      assert.ok(outcome instanceof KhopError, `accepted the first ${length} of ${bytes.length} bytes`);
  }
}

/**
 * Flips bits and overwrites 1, 2, 4 or 8 bytes with extreme values, one to four times in a run. `where`
 * narrows the damage to the part that is interesting, e.g. headers in front of a long payload.
 */
export function assertSurvivesDamage(
  parse: Parse,
  bytes: Uint8Array,
  where: { readonly start: number; readonly end: number } = { start: 0, end: bytes.length },
  runs = 1500,
): void {
  const offset = fc.integer({ min: where.start, max: where.end - 1 });
  // Values, not functions: a failure shows them.
  const flip = fc.record({ at: offset, flip: fc.integer({ min: 0, max: 7 }) });
  const width = fc.constantFrom(1, 2, 4, 8);
  const fill = fc.record({ at: offset, width, fill: fc.constantFrom(0x00, 0x01, 0x7f, 0x80, 0xff) });
  fc.assert(
    fc.property(fc.array(fc.oneof(flip, fill), { minLength: 1, maxLength: 4 }), (edits) => {
      const copy = Uint8Array.from(bytes);
      for (const edit of edits) {
        if ('flip' in edit) copy[edit.at]! ^= 1 << edit.flip;
        else copy.fill(edit.fill, edit.at, edit.at + edit.width);
      }
      outcomeOf(parse, copy);
    }),
    inputs(runs),
  );
}

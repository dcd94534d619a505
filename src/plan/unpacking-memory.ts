/**
 * Whether there is memory to unpack something and look into it, before that is tried: afterwards the OOM killer may have
 * chosen somebody else.
 * @module
 */
import type { NamedBytes } from '../formats/named-bytes.ts';
import { expectUnpacking } from '../formats/unpacking-size.ts';
import { forgetCleanPages, heldBytes } from '../machine/clean-pages.ts';
import type { Reading } from '../machine/reading.ts';

/** Left free beside it, bytes: the program itself works on meanwhile. */
const RESERVE = 32 * 1024 * 1024;

/** What an initrd takes while it is looked into, bytes. */
export interface InitrdMemory {
  /** In this process, the file itself included where it is not mapped. */
  readonly heldBytes: number;
  /** What is in it, wherever it is. */
  readonly contentBytes: number;
}

/** As far as that can be told beforehand. */
export function expectInitrdMemory({ bytes }: NamedBytes): InitrdMemory {
  const { plainBytes, unpackedBytes } = expectUnpacking(bytes, forgetCleanPages);
  return { heldBytes: heldBytes(bytes) + unpackedBytes, contentBytes: plainBytes + unpackedBytes };
}

/**
 * Why `what` had better not be done, one clause; undefined when there is memory for it, or nobody knows.
 * @param neededBytes that it takes
 */
export function lackOfMemory(
  what: string,
  neededBytes: number,
  available: Reading<bigint>,
): string | undefined {
  const needed = neededBytes + RESERVE;
  if (available.state !== 'read' || needed <= Number(available.value)) return undefined;
  const [takes, there] = [needed, Number(available.value)].map(
    (bytes) => `${Math.ceil(bytes / 2 ** 20)} MiB`,
  );
  return `${what} takes about ${takes} of memory, and ${there} are available`;
}

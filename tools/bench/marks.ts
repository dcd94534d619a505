/**
 * What the mark programs wrote to the debug port: four letters and the time stamp counter, 64 bits
 * little-endian; after INIT also the release of the kernel, 65 bytes with zeros at the end.
 * @module
 */
import { KhopError } from '../../src/error.ts';
import type { MarkTag } from './mark-programs.ts';

/** One reading of the counter. */
export interface Mark {
  readonly tag: MarkTag;
  /** Guest instructions since the machine was switched on, where instructions are counted. */
  readonly counter: bigint;
  /** `uname -r`; only INIT says it. */
  readonly release: string | undefined;
}

const HEAD = 12;
const RELEASE = 65;

function isTag(text: string): text is MarkTag {
  return text === 'JUMP' || text === 'INIT';
}

/** The complete marks in `bytes`; one that is still being written is left out. @throws E_FORMAT */
export function parseMarks(bytes: Uint8Array): Mark[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const marks: Mark[] = [];
  for (let at = 0; at + HEAD <= buffer.length; ) {
    const tag = buffer.toString('latin1', at, at + 4);
    if (!isTag(tag))
      throw new KhopError('E_FORMAT', `debug port: no mark at offset ${at} but ${JSON.stringify(tag)}`, {
        hint: 'Something else in the guest writes to port 0xe9.',
      });
    const length = tag === 'INIT' ? HEAD + RELEASE : HEAD;
    if (at + length > buffer.length) break;
    const release = buffer.toString('latin1', at + HEAD, at + length).replace(/\0[^]*$/, '');
    marks.push({
      tag,
      counter: buffer.readBigUInt64LE(at + 4),
      release: tag === 'INIT' ? release : undefined,
    });
    at += length;
  }
  return marks;
}

/**
 * Instructions from the last JUMP to the INIT after it.
 * @throws E_LAB when there is no such pair, or the counter went back: it was reset on the way
 */
export function blackoutOf(marks: readonly Mark[]): number {
  const jump = marks.findLast(({ tag }) => tag === 'JUMP');
  const init = jump && marks.slice(marks.indexOf(jump)).find(({ tag }) => tag === 'INIT');
  if (jump === undefined || init === undefined || init.counter <= jump.counter)
    throw new KhopError('E_LAB', `no way from a jump to an init in: ${marks.map(describe).join(', ')}`, {
      hint: 'The jump did not happen, or the new kernel did not get to its init; see the console.',
    });
  return Number(init.counter - jump.counter);
}

function describe({ tag, counter }: Mark): string {
  return `${tag} at ${counter}`;
}

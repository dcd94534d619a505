/**
 * DER, as far as certificates need it: tags, definite lengths, and what holds what.
 * Specification: ITU-T X.690, 8.1 and 10.1.
 * @module
 */
import type { ByteReader } from './byte-reader.ts';

/** Identifier octets. */
export const DER_TAGS = {
  integer: 0x02,
  octetString: 0x04,
  objectIdentifier: 0x06,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
  context0: 0xa0,
} as const;

/** One element: its header begins at `at`, its contents are `start` up to `end`. */
export interface DerElement {
  readonly tag: number;
  readonly at: number;
  readonly start: number;
  readonly end: number;
}

/** The element at an offset. @throws E_FORMAT for indefinite or endless lengths, and past the end of the data */
export function readDerElement(reader: ByteReader, at: number): DerElement {
  const tag = reader.u8(at, 'tag');
  const first = reader.u8(at + 1, 'length');
  const count = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || count > 4) reader.fail('length', at + 1, `0x${first.toString(16)} is not DER`);
  let length = count === 0 ? first : 0;
  for (let index = 0; index < count; index++) length = length * 256 + reader.u8(at + 2 + index, 'length');
  const start = at + 2 + count;
  reader.slice(start, length, 'contents');
  return { tag, at, start, end: start + length };
}

/** What a constructed element holds. @throws E_FORMAT when one ends after what holds it */
export function derChildren(reader: ByteReader, parent: DerElement): DerElement[] {
  const children: DerElement[] = [];
  for (let at = parent.start; at < parent.end; ) {
    const child = readDerElement(reader, at);
    if (child.end > parent.end) reader.fail('length', at, 'an element ends after what holds it');
    children.push(child);
    at = child.end;
  }
  return children;
}

/** The contents: a view. */
export function derContents(reader: ByteReader, element: DerElement): Uint8Array {
  return reader.slice(element.start, element.end - element.start, 'contents');
}

/** Header and contents as hexadecimal digits, to compare elements by. */
export function derText(reader: ByteReader, element: DerElement): string {
  return Buffer.from(reader.slice(element.at, element.end - element.at, 'element')).toString('hex');
}

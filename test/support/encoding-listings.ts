/**
 * Instructions of static programs beside what GNU as makes of the same text. A line of a listing is bytes, two
 * spaces, and the text; a label behind the last instruction is a line without bytes.
 *
 * The bytes are not khop's: binutils 2.40 of Debian 12 wrote them, `as` for x86-64 after `.intel_syntax noprefix` and
 * `aarch64-linux-gnu-as` for arm64, each listing in a file of its own, read back by `objdump -d`. What is changed has
 * to be assembled again.
 * @module
 */
import assert from 'node:assert/strict';
import type { CodeGenerator } from '../../src/formats/static-program/instructions.ts';
import type { BinaryOperator, Width } from '../../src/formats/static-program/terms.ts';

/** Lines. */
type Listing = readonly string[];
type Encodable = Parameters<CodeGenerator['encode']>[0];
type Op = Encodable['op'];
type Operands<Of extends Op> = Omit<Extract<Encodable, { op: Of }>, 'op'>;

/** Every kind of instruction: with each operator or width, or with the operands that are edges of its encoding. */
export type EncodingListings = {
  readonly binary: Readonly<Record<BinaryOperator, Listing>>;
  readonly load: Readonly<Record<Width | 's32', Listing>>;
  readonly store: Readonly<Record<Width, Listing>>;
} & {
  readonly [Of in Exclude<Op, 'binary' | 'load' | 'store'>]: readonly (readonly [
    operands: Operands<Of>,
    ...listing: Listing,
  ])[];
};

/** One instruction and what it should become. */
interface Row {
  readonly instruction: Encodable;
  readonly listing: Listing;
}

/** The index-th local variable. */
export function local(index: number) {
  return { kind: 'local', index } as const;
}

/** The parameter that so many others stand behind. */
export function parameter(behind: number) {
  return { kind: 'parameter', behind } as const;
}

/** All rows, by kind of instruction. */
export function rowsByKind(listings: EncodingListings): readonly (readonly [Op, readonly Row[]])[] {
  const { binary, load, store, ...others } = listings;
  return [
    ['binary', rowsOf('binary', 'operator', binary)],
    ['load', rowsOf('load', 'width', load)],
    ['store', rowsOf('store', 'width', store)],
    ...Object.entries(others).map(([op, rows]) => {
      const withOp = rows.map(([operands, ...listing]) => ({ instruction: { op, ...operands }, listing }));
      return [op, withOp] as [Op, Row[]];
    }),
  ];
}

function rowsOf(op: Op, field: string, listings: Readonly<Record<string, Listing>>): readonly Row[] {
  return Object.entries(listings).map(([value, listing]) => ({
    instruction: { op, [field]: value } as unknown as Encodable,
    listing,
  }));
}

/** Whether the code is that of the listing. The label of a jump is as many bytes away as its number says. */
export function assertEncodes({ encode }: CodeGenerator, { instruction, listing }: Row): void {
  const code = encode(instruction, (label) => label);
  assert.deepEqual({ code: hex(code), listing }, { code: bytesOf(listing), listing });
  assert.equal(encode(instruction, () => 0).length, code.length);
}

/** The bytes of a listing, with a space between each two. */
export function bytesOf(listing: Listing): string {
  return listing
    .map((line) => /^(?:[0-9a-f]{2} )*/.exec(line)![0])
    .join('')
    .trim();
}

/** Bytes as in a listing. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex').replaceAll(/../g, '$& ').trim();
}

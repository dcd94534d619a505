import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KhopError } from '../../src/error.ts';
import { parseElf } from '../../src/formats/elf.ts';
import { readElfDependencies } from '../../src/formats/elf-dynamic.ts';
import { buildElf } from '../support/elf-writer.ts';
import { inputs } from '../support/inputs.ts';

const STRINGS_AT = 0x40_0000n;

/** A program with these strings in its dynamic section. */
function programWith(
  tags: readonly (readonly [tag: number, text: string])[],
  interpreter?: string,
): Uint8Array {
  const strings = Buffer.from(`\0${tags.map(([, text]) => `${text}\0`).join('')}`);
  const dynamic = Buffer.alloc((tags.length + 3) * 16);
  let offset = 1;
  const rows = [
    ...tags.map(([tag, text]) => {
      const row = [tag, offset] as const;
      offset += Buffer.byteLength(text) + 1;
      return row;
    }),
    [5, Number(STRINGS_AT) + 8] as const,
    [10, strings.length] as const,
    [0, 0] as const,
  ];
  for (const [index, [tag, value]] of rows.entries()) {
    dynamic.writeBigUInt64LE(BigInt(tag), index * 16);
    dynamic.writeBigUInt64LE(BigInt(value), index * 16 + 8);
  }
  return buildElf({
    type: 3,
    segments: [
      ...(interpreter === undefined ? [] : [{ type: 3, bytes: Buffer.from(`${interpreter}\0`) }]),
      { virtualAddress: STRINGS_AT, bytes: Buffer.concat([Buffer.alloc(8), strings]) },
      { type: 2, bytes: dynamic },
    ],
  });
}

test('loader, libraries and folders to search come out in their order', () => {
  const bytes = programWith(
    [
      [1, 'liblzo2.so.2'],
      [14, 'libself.so'],
      [1, 'libc.so.6'],
      [29, '$ORIGIN/../lib:/opt/lib'],
    ],
    '/lib64/ld-linux-x86-64.so.2',
  );
  assert.deepEqual(readElfDependencies(parseElf(bytes)), {
    interpreter: '/lib64/ld-linux-x86-64.so.2',
    needed: ['liblzo2.so.2', 'libc.so.6'],
    searchFolders: ['$ORIGIN/../lib', '/opt/lib'],
  });
});

test('a program that needs nothing has no dependencies', () => {
  const bytes = buildElf({ segments: [{ bytes: Buffer.from('code') }] });
  assert.deepEqual(readElfDependencies(parseElf(bytes)), {
    interpreter: undefined,
    needed: [],
    searchFolders: [],
  });
});

test('damage anywhere gives an error of ours or other names, never a crash', () => {
  const bytes = programWith([[1, 'libc.so.6']], '/lib/ld.so');
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
      const damaged = Uint8Array.from(bytes);
      damaged[at] = value;
      try {
        readElfDependencies(parseElf(damaged));
      } catch (error) {
        assert.ok(error instanceof KhopError, String(error));
      }
    }),
    inputs(2000),
  );
});

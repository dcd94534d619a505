import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KernelMemory } from '../../../src/formats/vmcore/kernel-memory.ts';
import { readKernelSymbols } from '../../../src/formats/vmcore/kernel-symbols.ts';
import { encodeKallsyms, type SymbolSpec } from '../../support/kernel-image-builder.ts';
import { assertEndsSoon } from '../../support/processor-time.ts';
import { type Region, sparseKernel } from '../../support/sparse-kernel.ts';

const TEXT = 0xffff_ffff_8100_0000n;
/** Each table has 16 MiB of addresses, and the last has the rest. */
const TABLES = ['token_table', 'token_index', 'offsets', 'num_syms', 'relative_base', 'names'] as const;
const addressOf = (name: (typeof TABLES)[number]) =>
  0xffff_ffff_9000_0000n + BigInt(TABLES.indexOf(name)) * 0x100_0000n;

function buildKernel(symbols: readonly SymbolSpec[], count = symbols.length): KernelMemory {
  const tables = encodeKallsyms(symbols, 'relative', TEXT);
  const region = (name: (typeof TABLES)[number], bytes: Uint8Array): Region => ({
    start: addressOf(name),
    bytes,
  });
  return sparseKernel(
    [
      // Names are read a chunk at a time, and tokens with what follows them.
      region('names', Buffer.concat([tables.names, Buffer.alloc(256 * 1024)])),
      region('token_table', Buffer.concat([tables.tokenTable, Buffer.alloc(64)])),
      region('token_index', tables.tokenIndex),
      region('offsets', tables.offsets(addressOf('offsets'))),
      region('num_syms', Buffer.from(Uint32Array.of(count).buffer)),
      region('relative_base', Buffer.from(BigUint64Array.of(TEXT).buffer)),
    ],
    new Map([
      ['SYMBOL(_stext)', TEXT.toString(16)],
      ...TABLES.map((name) => [`SYMBOL(kallsyms_${name})`, addressOf(name).toString(16)] as const),
    ]),
  );
}

test('an address with thousands of names has the first, and is described as soon as any other', () => {
  const memory = buildKernel([
    { name: '_stext', address: TEXT },
    ...Array.from({ length: 50_000 }, (_none, index) => ({ name: `alias${index}`, address: TEXT + 16n })),
  ]);
  assertEndsSoon(() => {
    const symbols = readKernelSymbols(memory);
    for (let look = 0; look < 10_000; look++)
      assert.equal(symbols.describe(TEXT + BigInt(16 + (look % 1000)))?.name, 'alias0');
    assert.deepEqual(symbols.describe(TEXT + 3n), { name: '_stext', offset: 3n, size: 16n });
    assert.equal(symbols.describe(TEXT - 1n), undefined);
  });
});

test('millions of names of thousands of empty tokens are an error', () => {
  const memory = buildKernel([{ name: '_stext', address: TEXT }], 4_000_000);
  // 16,383 tokens that have no text, again and again: memory need not be as large as its addresses.
  const name = Buffer.alloc(2 + 16_383);
  name.set([0xff, 0x7f]);
  const chunk = Buffer.concat(Array.from({ length: 18 }, () => name));
  const read: KernelMemory['read'] = (address, length) => {
    if (address < addressOf('names')) return memory.read(address, length);
    const at = Number(address - addressOf('names')) % name.length;
    return { state: 'read', bytes: chunk.subarray(at, at + length) };
  };
  assertEndsSoon(() => assert.throws(() => readKernelSymbols({ ...memory, read }), /the names do not end/));
});

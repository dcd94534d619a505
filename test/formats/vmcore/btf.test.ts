import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type KernelTypes, readKernelTypes } from '../../../src/formats/vmcore/btf.ts';
import { encodeBtf } from '../../support/btf-writer.ts';
import { assertEndsSoon } from '../../support/processor-time.ts';
import { sparseKernel } from '../../support/sparse-kernel.ts';

const BTF = 0xffff_ffff_8100_0000n;

function typesOf(bytes: Uint8Array): KernelTypes {
  const symbols = new Map([
    ['__start_BTF', BTF],
    ['__stop_BTF', BTF + BigInt(bytes.length)],
  ]);
  return readKernelTypes(sparseKernel([{ start: BTF, bytes }], new Map()), {
    count: symbols.size,
    find: (name) => symbols.get(name),
    describe: () => undefined,
  })!;
}

/** As many structures without members as `names`, which are offsets in `strings`. */
function encodeStructures(names: readonly number[], strings: Uint8Array): Uint8Array {
  const words = Uint32Array.from(names.flatMap((name) => [name, 4 << 24, 0]));
  const header = Buffer.alloc(24);
  header.writeUInt16LE(0xeb9f, 0);
  header.writeUInt32LE(24, 4);
  header.writeUInt32LE(words.byteLength, 12);
  header.writeUInt32LE(words.byteLength, 16);
  header.writeUInt32LE(strings.length, 20);
  return Buffer.concat([header, Buffer.from(words.buffer), strings]);
}

test('a structure of thousands of nameless members of its own type is an error, and soon', () => {
  const itself = Array.from({ length: 10_000 }, () => ({ name: '', offset: 0, structure: 0 }));
  const types = typesOf(encodeBtf([{ name: 'module', size: 8, members: itself }]));
  assertEndsSoon(() =>
    assert.throws(() => types.member('module', 'list'), /nameless structures have no end/),
  );
});

test('a name that is longer than the kernel allows is an error, however many structures have it', () => {
  const strings = Buffer.alloc(4 * 1024 * 1024, 'a');
  strings[strings.length - 1] = 0;
  const bytes = encodeStructures(
    Array.from({ length: 20_000 }, (_none, index) => index),
    strings,
  );
  assertEndsSoon(() => assert.throws(() => typesOf(bytes), /string at .* does not end within 512 bytes/));
});

test('names of structures that are parts of one another are an error', () => {
  const strings = Buffer.from(`\0${'a'.repeat(400)}\0`);
  const offsets = Array.from({ length: 400 }, (_none, index) => index + 1);
  assert.throws(() => typesOf(encodeStructures(offsets, strings)), /name_off at .* names overlap/);
});

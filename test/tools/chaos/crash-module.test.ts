import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ELF_TYPES, parseElf } from '../../../src/formats/elf.ts';
import { findElfSection } from '../../../src/formats/elf-sections.ts';
import { parseModule } from '../../../src/formats/module-file.ts';
import { withCrashingInit } from '../../../tools/chaos/guard/crash-module.ts';
import { buildElf } from '../../support/elf-writer.ts';
import { signModule } from '../../support/module-builder.ts';

/** `call __fentry__; mov $0, %rdi; jmp register`, as compilers make it, `endbr64` before where there is IBT. */
const INIT = {
  plain: 'e80000000048c7c700000000e900000000',
  ibt: 'f30f1efae80000000048c7c700000000e900000000',
};

function relocation(offset: number): Buffer {
  const row = Buffer.alloc(24);
  row.writeBigUInt64LE(BigInt(offset), 0);
  row.writeBigUInt64LE(0x1e_0000_0004n, 8);
  return row;
}

function buildDonor(init: string, callAt: number): Uint8Array {
  const sites = [callAt + 7, callAt, callAt + 12];
  return buildElf({
    type: ELF_TYPES.relocatable,
    sections: [
      { name: '.init.text', bytes: Buffer.from(init, 'hex') },
      { name: '.rela.init.text', bytes: Buffer.concat(sites.map(relocation)) },
      { name: '.modinfo', bytes: Buffer.from('name=donor\0') },
    ],
  });
}

function sectionOf(module: Uint8Array, name: string): Buffer {
  return Buffer.from(findElfSection(parseElf(module), name)!.bytes);
}

for (const [kind, callAt] of [
  ['plain', 1],
  ['ibt', 5],
] as const)
  test(`the init function of a module crashes right behind its call of __fentry__ (${kind})`, () => {
    const donor = buildDonor(INIT[kind], callAt);
    const made = withCrashingInit(signModule(donor, Buffer.alloc(300, 7)), 'null-dereference');
    assert.equal(parseModule(made).signature, undefined);
    assert.equal(made.length, donor.length);
    const text = sectionOf(made, '.init.text').toString('hex');
    assert.equal(text.slice(0, 2 * (callAt + 4)), INIT[kind].slice(0, 2 * (callAt + 4)));
    assert.equal(text.slice(2 * (callAt + 4), 2 * (callAt + 8)), '31c08900');
    const rows = sectionOf(made, '.rela.init.text');
    assert.deepEqual(
      [0, 1, 2].map((index) => rows.readBigUInt64LE(index * 24 + 8)),
      [0n, 0x1e_0000_0004n, 0n],
    );
  });

test('a module whose init function is too short is refused', () => {
  assert.throws(() => withCrashingInit(buildDonor('e80000000031c0c3', 1), 'stack-overflow'), {
    code: 'E_FORMAT',
    message: /shorter/,
  });
});

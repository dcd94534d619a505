import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ELF_MACHINES } from '../../src/formats/elf.ts';
import {
  decodeElfCoreHeader,
  type ElfCoreHeader,
  elfCoreHeaderSize,
  encodeElfCoreHeader,
} from '../../src/formats/elf-core.ts';
import { buildElf } from '../support/elf-writer.ts';
import { assertSurvivesDamage, assertSurvivesTruncation } from '../support/hostile-bytes.ts';

const PLAIN = { noNullPrototype: true } as const;
const u64 = fc.bigInt(0n, (1n << 64n) - 1n);
const header: fc.Arbitrary<ElfCoreHeader> = fc.record(
  {
    machine: fc.constantFrom(ELF_MACHINES.x86_64, ELF_MACHINES.aarch64),
    notes: fc.array(fc.record({ address: u64, size: u64 }, PLAIN), { maxLength: 8 }),
    memory: fc.array(
      fc.record({ physicalAddress: u64, virtualAddress: u64, size: u64, foundAt: u64 }, PLAIN),
      { maxLength: 8 },
    ),
  },
  PLAIN,
);

const EXAMPLE: ElfCoreHeader = {
  machine: ELF_MACHINES.x86_64,
  notes: [{ address: 0x7f00_1000n, size: 0x154n }],
  memory: [
    {
      physicalAddress: 0x10_0000n,
      virtualAddress: 0xffff_8880_0010_0000n,
      size: 0x2000_0000n,
      foundAt: 0x10_0000n,
    },
  ],
};

describe('elfcorehdr', () => {
  it('decodes to what it was encoded from', () => {
    fc.assert(
      fc.property(header, (value) => {
        const bytes = encodeElfCoreHeader(value);
        assert.equal(bytes.length, elfCoreHeaderSize(value.notes.length, value.memory.length));
        assert.deepEqual(decodeElfCoreHeader(bytes), value);
      }),
    );
  });

  it('is laid out as crash_prepare_elf64_headers does it: notes, then memory with its offset physical', () => {
    const view = new DataView(encodeElfCoreHeader(EXAMPLE).buffer);
    assert.equal(view.getUint32(0, false), 0x7f454c46);
    assert.equal(view.getUint16(0x10, true), 4, 'ET_CORE');
    assert.equal(view.getUint16(0x38, true), 2, 'e_phnum');
    assert.equal(view.getUint16(0x3c, true), 0, 'no section headers');
    assert.equal(view.getUint32(64, true), 4, 'PT_NOTE');
    assert.equal(view.getBigUint64(64 + 8, true), 0x7f00_1000n, 'p_offset of the notes');
    assert.equal(view.getBigUint64(64 + 24, true), 0x7f00_1000n, 'p_paddr of the notes');
    assert.equal(view.getUint32(64 + 56, true), 1, 'PT_LOAD');
    assert.equal(view.getUint32(64 + 56 + 4, true), 7, 'read, write, execute');
    assert.equal(view.getBigUint64(64 + 56 + 8, true), 0x10_0000n, 'p_offset is the physical address');
    assert.equal(view.getBigUint64(64 + 56 + 32, true), 0x2000_0000n, 'p_filesz');
    assert.equal(view.getBigUint64(64 + 56 + 40, true), 0x2000_0000n, 'p_memsz');
  });

  it('is refused where a kernel could not read it', () => {
    const notes = Array.from({ length: 0xffff }, () => ({ address: 0n, size: 0n }));
    assert.throws(() => encodeElfCoreHeader({ ...EXAMPLE, notes }), { code: 'E_UNSUPPORTED' });
  });

  it('is not read out of a file that is no core, or has other segments', () => {
    assert.throws(() => decodeElfCoreHeader(buildElf({})), /ET_CORE/);
    const odd = buildElf({ type: 4, segments: [{ type: 2, bytes: new Uint8Array(1) }] });
    assert.throws(() => decodeElfCoreHeader(odd), /neither notes nor memory/);
  });

  it('survives truncation and damage', () => {
    const bytes = encodeElfCoreHeader(EXAMPLE);
    assertSurvivesTruncation(decodeElfCoreHeader, bytes, bytes.length);
    assertSurvivesDamage(decodeElfCoreHeader, bytes);
  });
});

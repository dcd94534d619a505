import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isElf, loadSegments, parseElf, segmentBytes } from '../../src/formats/elf.ts';
import { encodeElfNotes, readElfNotes } from '../../src/formats/elf-notes.ts';
import { findElfSection, readElfSections } from '../../src/formats/elf-sections.ts';
import { buildElf } from '../support/elf-writer.ts';
import { assertSurvivesDamage, assertSurvivesTruncation } from '../support/hostile-bytes.ts';

const TEXT = new Uint8Array(48).fill(0x90);
const DATA = new Uint8Array(16).fill(0xda);

/** A little vmlinux: two segments, not in order of address, and three sections. */
const VMLINUX = buildElf({
  entry: 0x100_0000n,
  segments: [
    {
      physicalAddress: 0x200_0000n,
      virtualAddress: 0xffff_ffff_8200_0000n,
      memorySize: 0x1000n,
      bytes: DATA,
    },
    { physicalAddress: 0x100_0000n, virtualAddress: 0xffff_ffff_8100_0000n, bytes: TEXT },
    { type: 4, bytes: encodeElfNotes([{ name: 'GNU', type: 3, description: new Uint8Array(20).fill(1) }]) },
  ],
  sections: [
    { name: '.text', bytes: TEXT },
    { name: '.bss', type: 8, bytes: new Uint8Array(0) },
    { name: '.notes', type: 7, bytes: new Uint8Array(0) },
  ],
});

/** Everything a reader can be asked of a file. */
function readAll(bytes: Uint8Array): unknown {
  const elf = parseElf(bytes);
  const notes = elf.programHeaders
    .filter((header) => header.type === 4)
    .map((header) => readElfNotes(segmentBytes(elf, header)));
  return [loadSegments(elf), readElfSections(elf), notes];
}

describe('parseElf', () => {
  it('reads header and program headers of a kernel', () => {
    const elf = parseElf(VMLINUX);
    assert.equal(elf.type, 2);
    assert.equal(elf.machine, 62);
    assert.equal(elf.entry, 0x100_0000n);
    assert.equal(elf.programHeaders.length, 3);
    assert.deepEqual(segmentBytes(elf, elf.programHeaders[0]!), DATA);
  });

  it('gives segments to load in the order of their physical addresses', () => {
    assert.deepEqual(loadSegments(parseElf(VMLINUX)), [
      { physicalAddress: 0x100_0000n, memorySize: 48n, bytes: TEXT },
      { physicalAddress: 0x200_0000n, memorySize: 0x1000n, bytes: DATA },
    ]);
  });

  it('finds sections by name', () => {
    const elf = parseElf(VMLINUX);
    assert.deepEqual(findElfSection(elf, '.text')?.bytes, TEXT);
    assert.equal(findElfSection(elf, '.bss')?.bytes.length, 0);
    assert.equal(findElfSection(elf, '.data'), undefined);
    assert.deepEqual(
      readElfSections(elf).map((section) => section.name),
      ['', '.text', '.bss', '.notes', '.shstrtab'],
    );
  });

  it('takes the number of program headers from the first section header when there is PN_XNUM', () => {
    const segments = Array.from({ length: 300 }, (_none, index) => ({
      physicalAddress: BigInt(index) * 0x1000n,
      bytes: new Uint8Array([index & 0xff]),
    }));
    const elf = parseElf(buildElf({ segments, usePnXnum: true }));
    assert.equal(elf.programHeaders.length, 300);
    assert.equal(elf.programHeaders[299]!.physicalAddress, 299n * 0x1000n);
  });

  it('has no sections in a stripped file', () => {
    assert.deepEqual(readElfSections(parseElf(buildElf({ segments: [{ bytes: TEXT }] }))), []);
  });
});

describe('parseElf refuses', () => {
  const changed = (offset: number, value: number) => {
    const bytes = VMLINUX.slice();
    bytes[offset] = value;
    return bytes;
  };

  it('32-bit and big-endian files as what they are', () => {
    assert.throws(() => parseElf(changed(4, 1)), { code: 'E_UNSUPPORTED', message: /32-bit/ });
    assert.throws(() => parseElf(changed(5, 2)), { code: 'E_UNSUPPORTED', message: /big-endian/ });
    assert.equal(isElf(changed(4, 1)), true);
  });

  it('a header that claims more program headers than the file holds', () => {
    assert.throws(() => parseElf(changed(0x39, 0xff)), { code: 'E_FORMAT', message: /program header table/ });
  });

  it('segments that overlap, leave the file or have less memory than bytes', () => {
    const two = [
      { physicalAddress: 0x1000n, memorySize: 0x1001n, bytes: TEXT },
      { physicalAddress: 0x2000n, bytes: TEXT },
    ];
    assert.throws(() => loadSegments(parseElf(buildElf({ segments: two }))), /overlap/);
    assert.throws(
      () => loadSegments(parseElf(buildElf({ segments: [{ memorySize: 3n, bytes: TEXT }] }))),
      /more bytes in the file/,
    );
    assert.throws(
      () =>
        loadSegments(parseElf(buildElf({ segments: [{ physicalAddress: 2n ** 64n - 8n, bytes: TEXT }] }))),
      /address space/,
    );
    const elf = parseElf(VMLINUX);
    assert.throws(() => segmentBytes(elf, { ...elf.programHeaders[0]!, offset: 2n ** 63n }), {
      code: 'E_FORMAT',
    });
  });

  it('every prefix', () => assertSurvivesTruncation(parseElf, VMLINUX, VMLINUX.length));

  it('damage with an error of its own, or gives a value', () => assertSurvivesDamage(readAll, VMLINUX));
});

describe('readElfNotes', () => {
  const note = fc.record(
    {
      name: fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme-ascii' }),
      type: fc.nat(0xffffffff),
      description: fc.uint8Array({ maxLength: 40 }),
    },
    { noNullPrototype: true },
  );

  it('reads what encodeElfNotes wrote', () => {
    fc.assert(
      fc.property(fc.array(note, { maxLength: 5 }), (notes) => {
        assert.deepEqual(readElfNotes(encodeElfNotes(notes)), notes);
      }),
    );
  });

  it('stops at a note of zeros, as unused crash notes are', () => {
    const used = encodeElfNotes([{ name: 'CORE', type: 1, description: new Uint8Array(8) }]);
    assert.equal(readElfNotes(Buffer.concat([used, new Uint8Array(340)])).length, 1);
    assert.deepEqual(readElfNotes(new Uint8Array(340)), []);
  });

  it('survives any bytes', () => {
    const bytes = encodeElfNotes([
      { name: 'GNU', type: 3, description: new Uint8Array(20) },
      { name: 'Linux', type: 0x100, description: new Uint8Array(3) },
    ]);
    assertSurvivesTruncation((cut) => readElfNotes(cut), bytes);
    assertSurvivesDamage((damaged) => [readElfNotes(damaged), readElfNotes(damaged, 8)], bytes);
  });
});

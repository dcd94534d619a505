import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeElfNotes } from '../../../src/formats/elf-notes.ts';
import { findVmcoreinfo } from '../../../src/formats/vmcore/find-vmcoreinfo.ts';
import { openKernelMemory } from '../../../src/formats/vmcore/kernel-memory.ts';
import { openDump } from '../../../src/formats/vmcore/open-dump.ts';
import { arm64Tables, walkPageTables, x86Tables } from '../../../src/formats/vmcore/page-tables.ts';
import {
  memberOffset,
  numberValue,
  parseVmcoreinfo,
  symbolAddress,
} from '../../../src/formats/vmcore/vmcoreinfo.ts';
import { buildCrashedMachine, type CrashedMachine, RELEASE } from '../../support/crashed-machine.ts';
import { encodeElfDump, sourceOf } from '../../support/dump-writers.ts';
import { buildElf } from '../../support/elf-writer.ts';

const RECORD = { text: 'hello', nanoseconds: 1n, level: 6, facility: 0, callerId: 0 };

/** Tables as a map from physical addresses; new tables are put one page behind the other. */
function buildTables(
  levels: readonly { readonly shift: number; readonly bits: number }[],
  pageShift: number,
) {
  const entries = new Map<bigint, bigint>();
  let free = 1n;
  const map = (
    address: bigint,
    target: bigint,
    leafDepth: number,
    flags: { table: bigint; leaf: bigint },
  ) => {
    let table = 0n;
    for (const [depth, { shift, bits }] of levels.entries()) {
      const at = table + ((address >> BigInt(shift)) & ((1n << BigInt(bits)) - 1n)) * 8n;
      if (depth === leafDepth) {
        entries.set(at, target | flags.leaf);
        return;
      }
      const known = entries.get(at);
      const next = known === undefined ? free++ << BigInt(pageShift) : known & ~0xfffn;
      entries.set(at, next | flags.table);
      table = next;
    }
  };
  return { entries, map };
}

for (const hasFiveLevels of [false, true])
  test(`x86-64 tables of ${hasFiveLevels ? 5 : 4} levels lead to pages of 4 KiB, 2 MiB and 1 GiB, without the encryption bit`, () => {
    const encryption = 1n << 47n;
    const shifts = hasFiveLevels ? [48, 39, 30, 21, 12] : [39, 30, 21, 12];
    const page = fc.record({
      index: fc.bigInt(0n, (1n << 27n) - 1n),
      target: fc.bigInt(0n, (1n << 20n) - 1n),
      size: fc.constantFrom(12, 21, 30),
    });
    fc.assert(
      fc.property(page, fc.bigInt(0n, (1n << 30n) - 1n), ({ index, target, size }, offset) => {
        const { entries, map } = buildTables(x86Tables(hasFiveLevels, 0n).levels, 12);
        const address = 0xffff_8000_0000_0000n + ((index << BigInt(size)) & 0x7fff_ffff_ffffn);
        const physical = target << BigInt(size);
        const leaf = (size === 12 ? 0x163n : 0x1e3n) | encryption | (1n << 63n);
        map(address, physical & 0x3fff_ffff_f000n, shifts.indexOf(size), { table: 0x67n | encryption, leaf });
        const within = offset & ((1n << BigInt(size)) - 1n);
        const walk = walkPageTables(
          x86Tables(hasFiveLevels, encryption),
          0n,
          address + within,
          (at) => entries.get(at) ?? 0n,
        );
        assert.deepEqual(walk, { state: 'mapped', physicalAddress: (physical & 0x3fff_ffff_f000n) + within });
      }),
    );
  });

for (const [pageShift, addressBits] of [
  [12, 48],
  [12, 39],
  [14, 47],
  [16, 48],
  [16, 42],
] as const)
  test(`arm64 tables of ${2 ** (pageShift - 10)} KiB pages and ${addressBits} bits lead to pages and blocks`, () => {
    const geometry = arm64Tables(pageShift, addressBits);
    const shifts = geometry.levels.map(({ shift }) => shift);
    assert.ok(shifts.length >= 2 && shifts.at(-1) === pageShift);
    const address = (0xffff_ffff_ffff_ffffn << BigInt(addressBits)) & 0xffff_ffff_ffff_ffffn;
    const target = 0x1234_0000_0000n;
    for (const depth of [shifts.length - 1, shifts.length - 2]) {
      const { entries, map } = buildTables(geometry.levels, pageShift);
      const inPage = address + 0x10_0000_0000n;
      map(inPage, target, depth, { table: 3n, leaf: depth === shifts.length - 1 ? 0x703n : 0x701n });
      assert.deepEqual(
        walkPageTables(geometry, 0n, inPage + 0x123n, (at) => entries.get(at) ?? 0n),
        { state: 'mapped', physicalAddress: target + 0x123n },
      );
    }
  });

test('a kernel for 52 bits keeps its large top table on a processor of 48, unless it leaves a level out', () => {
  const topOf = (...args: Parameters<typeof arm64Tables>) => arm64Tables(...args).levels[0];
  assert.deepEqual(topOf(16, 48, 52), { shift: 42, bits: 10 });
  assert.deepEqual(topOf(16, 48), { shift: 42, bits: 6 });
  assert.deepEqual(topOf(12, 48, 52), topOf(12, 48));
  assert.deepEqual(topOf(14, 47, 52), topOf(14, 47));
});

/** arm64 memory of a 64 KiB kernel for 52 bits: image, three tables that map `vmalloc` to the last page. */
function largePageDump(info: readonly string[], vmalloc: bigint): Uint8Array {
  const page = 0x1_0000;
  const base = 0x4000_0000n;
  const memory = Buffer.alloc(5 * page);
  const [top, middle, last, data] = [page, 2 * page, 3 * page, 4 * page];
  const set = (table: number, index: bigint, target: number) =>
    memory.writeBigUInt64LE((base + BigInt(target)) | 3n, table + Number(index) * 8);
  set(top, (vmalloc >> 42n) & 1023n, middle);
  set(middle, (vmalloc >> 29n) & 8191n, last);
  set(last, (vmalloc >> 16n) & 8191n, data);
  memory.write('in the last page', data);
  const image = 0xffff_8000_8000_0000n;
  const lines = [
    ...['OSRELEASE=5.14.0+64k', 'PAGESIZE=65536', 'NUMBER(VA_BITS)=52', ...info],
    `NUMBER(kimage_voffset)=0x${(image - base).toString(16)}`,
    `SYMBOL(_stext)=${image.toString(16)}`,
    `SYMBOL(swapper_pg_dir)=${(image + BigInt(top)).toString(16)}`,
  ];
  const note = { name: 'VMCOREINFO', type: 0, description: Buffer.from(lines.join('\n')) };
  return buildElf({
    type: 4,
    machine: 183,
    segments: [
      { type: 4, bytes: encodeElfNotes([note]) },
      { physicalAddress: base, bytes: memory },
    ],
  });
}

for (const actualBits of [48n, 52n])
  test(`memory of an arm64 kernel with pages of 64 KiB for 52 bits is found on a processor of ${actualBits}`, () => {
    const vmalloc = 0xffff_8001_2345_0000n;
    // Its linear map begins where the processor's addresses do, and is told as if it began where those of 52 bits do.
    const missing = (1n << 52n) - (1n << actualBits);
    const physOffset = BigInt.asUintN(64, 0x4000_0000n - missing);
    const info = [`NUMBER(TCR_EL1_T1SZ)=0x${(64n - actualBits).toString(16)}`];
    const bytes = largePageDump([...info, `NUMBER(PHYS_OFFSET)=0x${physOffset.toString(16)}`], vmalloc);
    const memory = openKernelMemory(openDump(sourceOf(bytes)));
    const textAt = (address: bigint) => {
      const read = memory.read(address, 16);
      return read.state === 'read' ? Buffer.from(read.bytes).toString() : read.state;
    };
    const linear = BigInt.asUintN(64, -(1n << actualBits)) + 0x4_0000n;
    assert.deepEqual([textAt(vmalloc), textAt(linear)], ['in the last page', 'in the last page']);
    assert.equal(textAt(vmalloc + 0x1_0000n), 'absent');
  });

test('tables that lead to themselves come to an end', () => {
  for (const geometry of [x86Tables(true, 0n), arm64Tables(12, 48)])
    assert.equal(walkPageTables(geometry, 0n, 0n, () => 3n).state, 'mapped');
  assert.deepEqual(
    walkPageTables(x86Tables(false, 0n), 0x1000n, 8n << 39n, () => undefined),
    {
      state: 'unknown',
      tableAddress: 0x1040n,
    },
  );
});

test('VMCOREINFO is read line by line, with numbers of both kinds and without its last newline', () => {
  const info = parseVmcoreinfo(
    Buffer.from(
      'OSRELEASE=6.1\x1b[2J\nSYMBOL(prb)=ffffffff81000000\nNUMBER(phys_base)=-4096\nNUMBER(kimage_voffset)=0xffff000000000000\nOFFSET(a.b)=12\nOFFSET(c.d)=99999999\nno value\nCRASHTIME=17',
    ),
  );
  assert.equal(info.get('OSRELEASE'), '6.1?[2J');
  assert.equal(symbolAddress(info, 'prb'), 0xffff_ffff_8100_0000n);
  assert.deepEqual(
    [numberValue(info, 'phys_base'), numberValue(info, 'kimage_voffset')],
    [-4096n, 0xffff_0000_0000_0000n],
  );
  assert.deepEqual(
    [memberOffset(info, 'a.b'), memberOffset(info, 'c.d'), memberOffset(info, 'e.f')],
    [12, undefined, undefined],
  );
  assert.equal(info.get('CRASHTIME'), '17');
});

/** The dump of a machine whose host knew nothing of VMCOREINFO. */
function withoutNotes(
  machine: CrashedMachine,
  places: readonly { at: number; vmcoreinfo: string }[],
): Uint8Array {
  const bytes = Uint8Array.from(machine.bytes);
  for (const { at, vmcoreinfo } of places)
    bytes.set(
      encodeElfNotes([{ name: 'VMCOREINFO', type: 0, description: Buffer.from(vmcoreinfo, 'latin1') }]),
      at,
    );
  return buildElf({ type: 4, segments: [{ physicalAddress: machine.base, bytes }] });
}

test('VMCOREINFO is found in memory when the file does not have it, and that of a dead kernel does not count', () => {
  const machine = buildCrashedMachine([RECORD]);
  const dead = machine.vmcoreinfo.replace(RELEASE, '6.1.0-gone');
  const places = [
    { at: 0x20000, vmcoreinfo: dead },
    { at: 0x30000, vmcoreinfo: machine.vmcoreinfo },
    { at: 0x38100, vmcoreinfo: machine.vmcoreinfo },
  ];
  const dump = openDump(sourceOf(withoutNotes(machine, places)));
  assert.equal(dump.vmcoreinfo, undefined);
  assert.throws(() => openKernelMemory(dump), /has no VMCOREINFO/);
  assert.equal(Buffer.from(findVmcoreinfo(dump)!).toString('latin1'), machine.vmcoreinfo);
  const none = openDump(sourceOf(withoutNotes(machine, places.slice(0, 1))));
  assert.equal(findVmcoreinfo(none), undefined);
  const two = openDump(
    sourceOf(withoutNotes(machine, [{ at: 0x20000, vmcoreinfo: machine.vmcoreinfo }, ...places.slice(1)])),
  );
  assert.equal(findVmcoreinfo(two), undefined);
});

test('addresses that the kernel has no memory for are absent', () => {
  const memory = openKernelMemory(openDump(sourceOf(encodeElfDump(buildCrashedMachine([RECORD])))));
  for (const address of [0n, 0xffff_9000_2000_0000n, 0xffff_ffff_ffff_ffffn]) {
    const read = memory.read(address, 4);
    assert.ok(read.state === 'absent', `0x${address.toString(16)} is ${read.state}`);
  }
});

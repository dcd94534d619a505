import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type CoreMemory,
  decodeElfCoreHeader,
  elfCoreHeaderSize,
  encodeElfCoreHeader,
} from '../../../src/formats/elf-core.ts';
import { fn } from '../../../src/formats/static-program/functions.ts';
import { writeAll } from '../../../src/formats/static-program/library/output.ts';
import { giveBack, set, when } from '../../../src/formats/static-program/statements.ts';
import { bytesAt, zeroed } from '../../../src/formats/static-program/terms.ts';
import { dumpHeader } from '../../../src/plan/trial/dump-header.ts';
import { inputs } from '../../support/inputs.ts';
import { PROGRAM_RUNNERS, type ProgramRunner, runProgram } from '../../support/static-programs.ts';

const AARCH64 = 183;
/** Equal to what khop makes. */
const PLAIN = { noNullPrototype: true };

/** What the kernel on trial tells of one CPU; undefined: the CPU is possible, but not there. */
type Cpu = { readonly address: bigint; readonly size: bigint } | 'silent' | undefined;

interface Told {
  readonly cpus: readonly Cpu[];
  readonly vmcoreinfo: string | undefined;
  /** /proc/kcore. */
  readonly kcore?: readonly CoreMemory[];
}

function writeSources(folder: string, { cpus, vmcoreinfo, kcore }: Told): void {
  const cpuFolder = join(folder, 'sys/devices/system/cpu');
  mkdirSync(cpuFolder, { recursive: true });
  mkdirSync(join(folder, 'sys/kernel'));
  writeFileSync(join(cpuFolder, 'possible'), cpus.length === 1 ? '0\n' : `0-${cpus.length - 1}\n`);
  for (const [index, cpu] of cpus.entries()) {
    if (cpu === undefined) continue;
    const own = join(cpuFolder, `cpu${index}`);
    mkdirSync(own);
    if (cpu === 'silent') continue;
    writeFileSync(join(own, 'crash_notes'), `${cpu.address.toString(16)}\n`);
    writeFileSync(join(own, 'crash_notes_size'), `${cpu.size}\n`);
  }
  if (kcore !== undefined) {
    mkdirSync(join(folder, 'proc'));
    const notes = [{ address: 4096n, size: 1024n }];
    writeFileSync(
      join(folder, 'proc/kcore'),
      encodeElfCoreHeader({ machine: AARCH64, notes, memory: kcore }),
    );
  }
  if (vmcoreinfo !== undefined) writeFileSync(join(folder, 'sys/kernel/vmcoreinfo'), vmcoreinfo);
}

/** The header that the first act makes of a planned one; undefined when it makes none. */
function complete(runner: ProgramRunner, planned: Uint8Array, room: number, told: Told) {
  const folder = mkdtempSync(join(tmpdir(), 'khop-header-'));
  try {
    writeSources(folder, told);
    const header = dumpHeader(planned, { sys: 'sys', proc: 'proc' });
    const memory = zeroed(room + 8);
    const main = fn('main', ['stack'], ['size'], ({ size }) => [
      set(size, header.complete(memory, room, bytesAt(header.bytes))),
      when([size, '<', 0], [giveBack([0, '-', size])]),
      // What lies behind the room must have stayed zero.
      giveBack(writeAll(1, memory, room + 8)),
    ]);
    const { status, output } = runProgram(runner, main, { folder });
    if (status !== 0) return { status, header: undefined };
    assert.ok(
      output.subarray(room).every((byte) => byte === 0),
      'it wrote behind its room',
    );
    return { status, header: decodeElfCoreHeader(output) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const memory: readonly CoreMemory[] = [
  { physicalAddress: 0x1000n, virtualAddress: 0n, size: 0x9e000n, foundAt: 0x1000n },
  { physicalAddress: 0x10_0000n, virtualAddress: 0n, size: 0x3ff0_0000n, foundAt: 0x10_0000n },
];
const plannedFor = (cpus: number) =>
  encodeElfCoreHeader({
    machine: AARCH64,
    notes: Array.from({ length: cpus + 1 }, (_, index) => ({ address: BigInt(index + 1), size: 4n })),
    memory,
  });

for (const runner of PROGRAM_RUNNERS) {
  const { architecture, skip } = runner;

  test(`${architecture}: the header has the notes of this kernel’s CPUs and VMCOREINFO, and the planned memory`, {
    skip,
  }, () => {
    const address = fc.bigInt({ min: 1n, max: (1n << 52n) - 1n });
    const cpu = fc.oneof(
      { weight: 4, arbitrary: fc.record({ address, size: fc.bigInt({ min: 1n, max: 0x1000n }) }, PLAIN) },
      { weight: 1, arbitrary: fc.constantFrom('silent' as const, undefined) },
    );
    const samples = fc.record({
      cpus: fc.array(cpu, { minLength: 1, maxLength: 12 }),
      plannedCpus: fc.nat(12),
      info: fc.record({ address, size: address }, PLAIN),
      hasPrefix: fc.boolean(),
    });
    fc.assert(
      fc.property(samples, ({ cpus, plannedCpus, info, hasPrefix }) => {
        const prefix = hasPrefix ? '0x' : '';
        const vmcoreinfo = `${prefix}${info.address.toString(16).padStart(16, '0')} ${info.size.toString(16)}\n`;
        const { header } = complete(runner, plannedFor(plannedCpus), 4096, { cpus, vmcoreinfo });
        const notes = [...cpus.filter((each) => typeof each === 'object'), info];
        assert.deepEqual(header, { machine: AARCH64, notes, memory });
      }),
      inputs(15),
    );
  });

  const cpus = [1n, 2n, 3n].map((number) => ({ address: number << 20n, size: 408n }));
  const vmcoreinfo = '0x0000000009d8d000 1024\n';

  test(`${architecture}: CPUs that find no room are left out, VMCOREINFO is not`, { skip }, () => {
    const planned = plannedFor(1);
    const { header } = complete(runner, planned, elfCoreHeaderSize(2, memory.length + 1), {
      cpus,
      vmcoreinfo,
    });
    assert.deepEqual(header?.notes, [cpus[0], { address: 0x9d8d000n, size: 0x1024n }]);
  });

  test(`${architecture}: without VMCOREINFO the registers are still told`, { skip }, () => {
    for (const text of [undefined, '', '0x0 0\n', '9d8d000\n', 'x y\n']) {
      const { header } = complete(runner, plannedFor(3), 4096, { cpus, vmcoreinfo: text });
      assert.deepEqual(header?.notes, cpus);
    }
  });

  const BASE = 0xffff_8880_0000_0000n;
  const nowhere = { physicalAddress: (1n << 64n) - 1n, virtualAddress: 0xffff_c900_0000_0000n };
  const text = { physicalAddress: 0x2e20_0000n, virtualAddress: 0xffff_ffff_8e20_0000n, size: 0x200_0000n };
  const ram = (start: bigint) => ({ physicalAddress: start, virtualAddress: BASE + start, size: 0x1000n });
  const found = <T extends { physicalAddress: bigint }>(each: T) => ({
    ...each,
    foundAt: each.physicalAddress,
  });

  test(`${architecture}: memory is mapped as the kernel on trial maps it, whatever was planned`, {
    skip,
  }, () => {
    const mapped = memory.map((each) => ({ ...each, virtualAddress: BASE + each.physicalAddress }));
    const other = (each: CoreMemory) => ({
      ...each,
      virtualAddress: 0xdead_0000_0000n + each.physicalAddress,
    });
    // Another kernel had its image here.
    const oldText = { ...found(text), physicalAddress: 0x100_0000n, foundAt: 0x100_0000n };
    const planned = encodeElfCoreHeader({
      machine: AARCH64,
      notes: [{ address: 1n, size: 4n }],
      memory: [oldText, ...memory.map(other)],
    });
    const unknown = { ...nowhere, size: 0x1000n, foundAt: 0x2000n };
    for (const [kcore, expected] of [
      [
        [found(text), unknown, found(ram(0x1000n)), found(ram(0x10_0000n))],
        [found(text), ...mapped],
      ],
      [
        [unknown, found(ram(0x1000n)), found(text)],
        [found(text), ...mapped],
      ],
      // Two distances: which of them is whose is not known.
      [
        [found(ram(0x1000n)), { ...found(ram(0x1000n)), virtualAddress: 1n }, found(text)],
        [found(text), ...memory],
      ],
      [[found(text), unknown], memory],
      [[], memory],
    ] as const) {
      const { header } = complete(runner, planned, 4096, { cpus, vmcoreinfo, kcore });
      assert.deepEqual(header?.memory, expected);
      assert.equal(header?.notes.length, 4);
    }
  });

  test(`${architecture}: without any notes there is no header, which a panic kernel would die of`, {
    skip,
  }, () => {
    const { status, header } = complete(runner, plannedFor(3), 4096, {
      cpus: ['silent', undefined],
      vmcoreinfo: undefined,
    });
    assert.equal(header, undefined);
    assert.equal(status, 61); // ENODATA
  });
}

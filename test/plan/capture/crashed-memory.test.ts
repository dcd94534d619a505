import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ElfNote, encodeElfNotes } from '../../../src/formats/elf-notes.ts';
import { fn } from '../../../src/formats/static-program/functions.ts';
import { writeAll } from '../../../src/formats/static-program/library/output.ts';
import { giveBack, set, when } from '../../../src/formats/static-program/statements.ts';
import { load } from '../../../src/formats/static-program/terms.ts';
import { openCrashedMemory } from '../../../src/plan/capture/crashed-memory.ts';
import { vmcoreinfo, vmcoreinfoSize } from '../../../src/plan/capture/vmcoreinfo-keys.ts';
import { prstatusNote } from '../../support/dump-writers.ts';
import { buildElf } from '../../support/elf-writer.ts';
import { PROGRAM_RUNNERS, type ProgramRunner, runProgram } from '../../support/static-programs.ts';

const TEXT = 'OSRELEASE=6.1.0-50-amd64\nCRASHTIME=1795912201\n';
const INFO: ElfNote = { name: 'VMCOREINFO', type: 0, description: Buffer.from(TEXT) };

/** The registers of `count` CPUs. */
function cpus(count: number): ElfNote[] {
  return Array.from({ length: count }, (_none, pid) => prstatusNote(pid, { ip: 0n, sp: 0n }));
}

/** What the program takes for VMCOREINFO of a dump whose notes these bytes are. */
function textOf(runner: ProgramRunner, notes: Uint8Array): string {
  const folder = mkdtempSync(join(tmpdir(), 'khop-notes-'));
  try {
    const memory = { physicalAddress: 0x1000_0000n, bytes: new Uint8Array(4096) };
    writeFileSync(join(folder, 'core'), buildElf({ type: 4, segments: [{ type: 4, bytes: notes }, memory] }));
    const main = fn('main', ['stack'], ['status'], ({ status }) => [
      set(status, openCrashedMemory('core')),
      when([status, '!=', 0], [giveBack(1)]),
      giveBack(writeAll(1, vmcoreinfo, load.u64(vmcoreinfoSize))),
    ]);
    const { status, output } = runProgram(runner, main, { folder });
    assert.equal(status, 0);
    return output.toString();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

for (const runner of PROGRAM_RUNNERS) {
  const { architecture, skip } = runner;

  for (const count of [0, 1, 768, 8192])
    test(`${architecture}: VMCOREINFO is found behind the registers of ${count} CPUs`, { skip }, () => {
      assert.equal(textOf(runner, encodeElfNotes([...cpus(count), INFO])), TEXT);
    });

  test(`${architecture}: VMCOREINFO is found behind the dump that a driver made of its device`, {
    skip,
  }, () => {
    const device = { name: 'LINUX', type: 0x700, description: new Uint8Array(3_000_001) };
    assert.equal(textOf(runner, encodeElfNotes([device, ...cpus(2), INFO])), TEXT);
  });

  test(`${architecture}: notes that are cut off or damaged have no VMCOREINFO, and come to an end`, {
    skip,
  }, () => {
    const whole = encodeElfNotes([...cpus(1), INFO]);
    const beyond = Uint8Array.from(whole);
    new DataView(beyond.buffer).setUint32(4, 0xffff_ffff, true);
    for (const notes of [whole.subarray(0, -4), whole.subarray(0, 370), beyond, new Uint8Array(2_000_000)])
      assert.equal(textOf(runner, notes), '');
  });
}

import assert from 'node:assert/strict';
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { encodeElfNotes } from '../../../src/formats/elf-notes.ts';
import { fn } from '../../../src/formats/static-program/functions.ts';
import { writeAll } from '../../../src/formats/static-program/library/output.ts';
import { giveBack, set, when } from '../../../src/formats/static-program/statements.ts';
import { load } from '../../../src/formats/static-program/terms.ts';
import { openCrashedMemory } from '../../../src/plan/capture/crashed-memory.ts';
import { logSize, logText, startCounting, startKeeping } from '../../../src/plan/capture/log-text.ts';
import { writeKernelLog } from '../../../src/plan/capture/printk-ring.ts';
import { buildCrashedMachine } from '../../support/crashed-machine.ts';
import { DESCRIPTOR_SIZE, INFO_SIZE } from '../../support/descriptor-ring-writer.ts';
import { buildElf } from '../../support/elf-writer.ts';
import { PROGRAM_RUNNERS, type ProgramRunner, runProgram } from '../../support/static-programs.ts';

const DIRECT_MAP = 0xffff_9000_0000_0000n;
const [FINALIZED, FIRST_ID] = [2n << 62n, 5];
const RECORD = { nanoseconds: 1_000_000n, level: 0, facility: 0, callerId: 0 };

const logReader = fn('main', ['stack'], ['status'], ({ status }) => [
  set(status, openCrashedMemory('core')),
  when([status, '!=', 0], [giveBack(1)]),
  startCounting(),
  writeKernelLog(),
  startKeeping(),
  writeKernelLog(),
  giveBack(writeAll(1, logText, load.u64(logSize))),
]);

/** The lines that the program reads from the file that `write` makes. */
function logOf(runner: ProgramRunner, write: (path: string) => void): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'khop-ring-'));
  try {
    write(join(folder, 'core'));
    const { status, output } = runProgram(runner, logReader, { folder });
    assert.equal(status, 0);
    return output.toString().split('\n').slice(0, -1);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function notesOf(vmcoreinfo: string) {
  const note = { name: 'VMCOREINFO', type: 0, description: Buffer.from(vmcoreinfo) };
  return { type: 4, bytes: encodeElfNotes([note]) };
}

/** A dump with a ring of 2^21 descriptors, all in its holes but those with a text; ids count from FIRST_ID. */
function writeHugeRing(path: string, count: number, texts: ReadonlyMap<number, string>): void {
  const countBits = 21;
  const [descriptors, infos] = [4096, 4096 + DESCRIPTOR_SIZE * 2 ** countBits];
  const text = infos + INFO_SIZE * 2 ** countBits;
  const size = text + 2 ** 12;
  const info = buildCrashedMachine([]).vmcoreinfo.replace(
    /SYMBOL\(prb\)=.*/,
    `SYMBOL(prb)=${DIRECT_MAP.toString(16)}`,
  );
  const head = Buffer.from(
    buildElf({ type: 4, segments: [notesOf(info), { virtualAddress: DIRECT_MAP, bytes: new Uint8Array() }] }),
  );
  // p_filesz of the second program header.
  head.writeBigUInt64LE(BigInt(size), 64 + 56 + 32);
  const file = openSync(path, 'w');
  const put = (at: number, words: readonly bigint[]) =>
    writeSync(file, new BigUint64Array(words), 0, words.length * 8, head.length + at);
  const direct = (at: number) => DIRECT_MAP + BigInt(at);
  writeSync(file, head);
  ftruncateSync(file, head.length + size);
  put(0, [direct(8)]);
  put(8, [
    BigInt(countBits),
    direct(descriptors),
    direct(infos),
    BigInt(FIRST_ID + count - 1),
    BigInt(FIRST_ID),
  ]);
  put(8 + 48, [12n, direct(text)]);
  let begin = 0;
  for (const [number, content] of texts) {
    const id = FIRST_ID + number;
    const next = begin + 8 + Math.ceil(content.length / 8) * 8;
    put(descriptors + id * DESCRIPTOR_SIZE, [FINALIZED | BigInt(id), BigInt(begin), BigInt(next)]);
    put(infos + id * INFO_SIZE, [BigInt(number), 0n, BigInt(content.length)]);
    writeSync(file, Buffer.from(content), 0, content.length, head.length + text + begin + 8);
    begin = next;
  }
  closeSync(file);
}

for (const runner of PROGRAM_RUNNERS) {
  const { architecture, skip } = runner;

  test(`${architecture}: the log is every record that the ring still has`, { skip }, () => {
    const records = Array.from({ length: 50 }, (_none, index) => ({ ...RECORD, text: `line ${index}` }));
    const machine = buildCrashedMachine(records, { countBits: 5, sizeBits: 10 });
    const memory = {
      virtualAddress: DIRECT_MAP + machine.base,
      physicalAddress: machine.base,
      bytes: machine.bytes,
    };
    const lines = logOf(runner, (path) =>
      writeFileSync(path, buildElf({ type: 4, segments: [notesOf(machine.vmcoreinfo), memory] })),
    );
    assert.ok(machine.kept.length > 10 && machine.kept.length < 50);
    assert.deepEqual(
      lines,
      machine.kept.map((number) => `<0>[    0.001000] line ${number}`),
    );
  });

  test(`${architecture}: of a ring with more records than are looked at, the last ones are read`, {
    skip,
  }, () => {
    const most = 2 ** 20;
    const texts = new Map([
      [0, 'Linux version'],
      [3, 'the first that is looked at'],
      [most + 2, 'Kernel panic'],
    ]);
    const lines = logOf(runner, (path) => writeHugeRing(path, most + 3, texts));
    assert.deepEqual(
      lines.map((line) => line.replace(/^.*\] /, '')),
      ['the first that is looked at', 'Kernel panic'],
    );
  });
}

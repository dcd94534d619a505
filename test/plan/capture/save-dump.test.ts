import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { fn } from '../../../src/formats/static-program/functions.ts';
import { sleepMs } from '../../../src/formats/static-program/library/clock.ts';
import { bytesOf, sizeOf } from '../../../src/formats/static-program/library/growing-text.ts';
import { LINUX } from '../../../src/formats/static-program/library/linux.ts';
import { writeAll } from '../../../src/formats/static-program/library/output.ts';
import { giveBack, type Statement, set } from '../../../src/formats/static-program/statements.ts';
import { encodeStaticProgram } from '../../../src/formats/static-program/static-program.ts';
import { bytesAt, load, sys } from '../../../src/formats/static-program/terms.ts';
import { openDump } from '../../../src/formats/vmcore/open-dump.ts';
import { type ChainStep, parseChain } from '../../../src/guard/capture-chain.ts';
import { chain, startChain } from '../../../src/plan/capture/chain.ts';
import { openCrashedMemory } from '../../../src/plan/capture/crashed-memory.ts';
import type { DumpOrder } from '../../../src/plan/capture/dump-order.ts';
import { saveDump } from '../../../src/plan/capture/save-dump.ts';
import { buildCrashedMachine } from '../../support/crashed-machine.ts';
import { encodeElfDump, encodeKdump, sourceOf } from '../../support/dump-writers.ts';
import { buildElf } from '../../support/elf-writer.ts';
import { inputs } from '../../support/inputs.ts';
import { PROGRAM_RUNNERS, runProgram } from '../../support/static-programs.ts';

const PAGE = 4096;
const GIB = 1024 ** 3;
/** The clock of a capture kernel begins at its start; that of this machine began long ago. */
const FAR = Number.MAX_SAFE_INTEGER;
const NO_LIMITS: DumpOrder = { filter: undefined, latestStartMs: FAR, untilMs: FAR, minimumFreeBytes: 0 };

const machine = buildCrashedMachine([
  { text: 'Kernel panic', nanoseconds: 1_000_000n, level: 0, facility: 0, callerId: 0 },
]);

for (const runner of PROGRAM_RUNNERS) {
  const { architecture, skip } = runner;
  // The kernel of this machine starts programs of its own architecture only.
  const emulator = runner.emulator === undefined ? [] : [`/usr/bin/${runner.emulator}`];

  /** What a capture makes of `core` in an empty folder: the steps it notes, and files by name. */
  const capture = (core: Uint8Array, order: DumpOrder) => {
    const folder = mkdtempSync(join(tmpdir(), 'khop-dump-'));
    try {
      writeFileSync(join(folder, 'core'), core);
      const save = saveDump(order);
      const main = fn('main', ['stack'], ['status'], ({ status }) => [
        startChain(),
        set(status, openCrashedMemory('core')),
        save(),
        giveBack(writeAll(1, bytesOf(chain), sizeOf(chain))),
      ]);
      const { status, output } = runProgram(runner, main, { folder });
      assert.equal(status, 0);
      const { steps, damaged } = parseChain(output.toString());
      assert.deepEqual(damaged, []);
      const path = (name: string) => join(folder, name);
      const read = (name: string) => (existsSync(path(name)) ? readFileSync(path(name)) : undefined);
      return {
        steps: steps.map(({ step }) => step),
        last: steps.at(-1) as ChainStep,
        whole: read('vmcore'),
        incomplete: read('vmcore.incomplete'),
        messages: read('makedumpfile.txt')?.toString(),
        diskBytes: existsSync(path('vmcore')) ? statSync(path('vmcore')).blocks * 512 : 0,
      };
    } finally {
      rmSync(folder, { recursive: true });
    }
  };

  let filters: string | undefined;
  process.once('exit', () => filters && rmSync(filters, { recursive: true }));

  /** A program in place of makedumpfile. */
  const filterThat = (statements: readonly Statement[]): DumpOrder => {
    filters ??= mkdtempSync(join(tmpdir(), 'khop-filters-'));
    const folder = mkdtempSync(join(filters, 'one-'));
    const program = join(folder, 'filter');
    const bytes = encodeStaticProgram(
      fn('main', ['stack'], [], () => statements),
      architecture,
    );
    writeFileSync(program, bytes, { mode: 0o755 });
    return { ...NO_LIMITS, filter: { folder: '/dump', files: [], command: [...emulator, program] } };
  };

  /** Writes `bytes` as a dump. */
  const writing = (bytes: Uint8Array): readonly Statement[] => [
    sys.dup3(
      sys.openat(LINUX.AT_FDCWD, 'vmcore.incomplete', LINUX.O_WRONLY | LINUX.O_CREAT | LINUX.O_TRUNC, 0o600),
      9,
      0,
    ),
    giveBack(writeAll(9, bytesAt(bytes), bytes.length)),
  ];

  test(`${architecture}: a whole dump is /proc/vmcore byte by byte, and zeros take no room on disk`, {
    skip,
  }, () => {
    const pages = fc.array(fc.constantFrom('zero', 'full', 'end'), { minLength: 1, maxLength: 700 });
    const samples = fc.record({ pages, cut: fc.constantFrom(0, 1, 100, PAGE - 1) });
    fc.assert(
      fc.property(samples, ({ pages: kinds, cut }) => {
        const memory = Buffer.alloc(kinds.length * PAGE);
        for (const [index, kind] of kinds.entries())
          if (kind === 'full') memory.fill(index + 1, index * PAGE, (index + 1) * PAGE);
          else if (kind === 'end') memory[(index + 1) * PAGE - 1] = 1;
        const core = buildElf({
          type: 4,
          segments: [
            { type: 4, bytes: Buffer.alloc(PAGE - 64 - 3 * 56) },
            { physicalAddress: 0n, bytes: memory },
            { physicalAddress: 0x1000_0000n, bytes: Buffer.alloc(PAGE - cut, cut % 2) },
          ],
        });
        const { steps, last, whole, incomplete, diskBytes } = capture(core, NO_LIMITS);
        assert.deepEqual(steps, ['dump-started', 'dump-done']);
        assert.equal(last.reason, `whole, bytes: ${core.length}`);
        assert.ok(whole?.equals(core));
        assert.equal(incomplete, undefined);
        // Headers, the last page, and what the file system needs to find so many pieces.
        const used = kinds.filter((kind) => kind !== 'zero').length + 2 + 4;
        assert.ok(diskBytes <= used * PAGE, `${diskBytes} bytes for ${used} pages`);
      }),
      inputs(8),
    );
  });

  test(`${architecture}: khop’s own reader opens what was written`, { skip }, () => {
    const { whole } = capture(encodeElfDump(machine), NO_LIMITS);
    const dump = openDump(sourceOf(whole ?? new Uint8Array()));
    assert.deepEqual(dump.problems, []);
    assert.deepEqual(dump.readPhysical(machine.base, machine.bytes.length), {
      state: 'read',
      bytes: Uint8Array.from(machine.bytes),
    });
  });

  test(`${architecture}: nothing is begun too late, without space or without memory to read`, {
    skip,
  }, () => {
    const core = encodeElfDump(machine);
    for (const [order, bytes, reason] of [
      [{ ...NO_LIMITS, latestStartMs: 0 }, core, 'too late, it may begin until ms: 0'],
      [{ ...NO_LIMITS, minimumFreeBytes: 2 ** 20 * GIB }, core, /^no space, bytes free: \d+$/],
      [NO_LIMITS, core.subarray(0, 30), 'the memory cannot be read, ranges known: 0'],
    ] as const) {
      const { steps, last, whole, incomplete } = capture(bytes, order);
      assert.deepEqual(steps, ['dump-skipped']);
      assert.match(last.reason ?? '', typeof reason === 'string' ? new RegExp(`^${reason}$`) : reason);
      assert.equal(whole ?? incomplete, undefined);
    }
  });

  test(`${architecture}: memory that ends before its header says is an incomplete dump, marked in the file`, {
    skip,
  }, () => {
    const core = encodeElfDump(machine);
    const { steps, last, whole, incomplete } = capture(core.subarray(0, core.length - PAGE), NO_LIMITS);
    assert.deepEqual(steps, ['dump-started', 'dump-incomplete']);
    assert.equal(last.reason, 'it could not be written, errno: 5');
    assert.equal(whole, undefined);
    const { problems } = openDump(sourceOf(incomplete ?? new Uint8Array()));
    assert.match(problems.join(), /its header says that it is incomplete/);
  });

  test(`${architecture}: what makedumpfile writes gets its name when its end is there`, { skip }, () => {
    for (const dump of [encodeKdump(machine), encodeKdump(machine, { codec: 'raw' })]) {
      const { steps, last, whole, messages } = capture(encodeElfDump(machine), filterThat(writing(dump)));
      assert.deepEqual(steps, ['dump-started', 'dump-done']);
      assert.equal(last.reason, `filtered, bytes: ${dump.length}`);
      assert.ok(whole?.equals(dump));
      assert.equal(messages, '');
    }
  });

  test(`${architecture}: when makedumpfile fails or writes half a dump, all memory is saved instead`, {
    skip,
  }, () => {
    const core = encodeElfDump(machine);
    const dump = encodeKdump(machine);
    const damaged = [
      dump.subarray(0, dump.length - 1),
      dump.subarray(0, 5000),
      encodeKdump(machine, { isIncomplete: true }),
      new Uint8Array(3 * PAGE),
    ];
    const failures: DumpOrder[] = [
      ...damaged.map((bytes) => filterThat(writing(bytes))),
      filterThat([writeAll(2, 'no\n', 3), giveBack(1)]),
      filterThat([sys.kill(sys.getpid(), LINUX.SIGKILL)]),
      filterThat([giveBack(load.u64(8))]),
      { ...NO_LIMITS, filter: { folder: '/dump', files: [], command: ['/does/not/exist'] } },
    ];
    for (const order of failures) {
      const { steps, last, whole, incomplete } = capture(core, order);
      assert.deepEqual(steps, ['dump-started', 'dump-done']);
      assert.equal(last.reason, `whole, since makedumpfile failed, bytes: ${core.length}`);
      assert.ok(whole?.equals(core));
      assert.equal(incomplete, undefined);
    }
    assert.equal(capture(core, failures[4]!).messages, 'no\n');
  });

  test(`${architecture}: a makedumpfile that takes too long is killed, and nothing else is begun`, {
    skip,
  }, () => {
    const nowMs = Math.round(Number(process.hrtime.bigint() / 1_000_000n));
    const started = performance.now();
    const order = { ...filterThat([sleepMs(60_000)]), untilMs: nowMs + 1500 };
    const { steps, last, whole } = capture(encodeElfDump(machine), order);
    assert.ok(performance.now() - started < 15_000);
    assert.deepEqual(steps, ['dump-started', 'dump-incomplete']);
    assert.match(last.reason ?? '', /^no time, it was ended at ms: \d+$/);
    assert.equal(whole, undefined);
  });
}

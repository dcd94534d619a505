import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planDump } from '../../src/guard/dump-plan.ts';
import { DEFAULT_GUARD_SETTINGS } from '../../src/guard/guard-settings.ts';
import type { GuardWorld } from '../../src/guard/world.ts';
import type { ProgramFiles } from '../../src/machine/program-files.ts';
import type { Reading } from '../../src/machine/reading.ts';

const file = (name: string, size: number) => ({ name, path: `/lib/${name}`, bytes: new Uint8Array(size) });

const MAKEDUMPFILE: ProgramFiles = {
  program: file('makedumpfile', 400),
  loader: file('ld.so', 200),
  libraries: [file('liblzo2.so.2', 100), file('libc.so.6', 1000)],
};

/** A world in which nothing else may be asked for. */
function worldWith(makedumpfile: Reading<ProgramFiles>): GuardWorld {
  return { readProgramFiles: () => makedumpfile } as Partial<GuardWorld> as GuardWorld;
}

const installed: Reading<ProgramFiles> = { state: 'read', source: 'makedumpfile', value: MAKEDUMPFILE };
const settings = { ...DEFAULT_GUARD_SETTINGS, deadlineSeconds: 100, minimumFreeMib: 3 };

test('a filtered dump brings makedumpfile along, started by its own loader, in a share of the deadline', () => {
  const plan = planDump(worldWith(installed), { ...settings, dump: 'filtered' });
  assert.deepEqual(plan?.order.filter?.command, [
    ...['/dump/ld.so', '--library-path', '/dump', '/dump/makedumpfile'],
    ...['-l', '-d', '31', '--message-level', '6'],
  ]);
  assert.deepEqual(
    plan?.order.filter?.files.map(({ name }) => name),
    ['makedumpfile', 'ld.so', 'liblzo2.so.2', 'libc.so.6'],
  );
  const { latestStartMs = 0, untilMs = 0, minimumFreeBytes } = plan?.order ?? {};
  assert.ok(latestStartMs < untilMs && untilMs < 100_000);
  assert.equal(minimumFreeBytes, 3 * 1024 * 1024);
  assert.equal(plan?.fileBytes, 1700);
  assert.ok(plan.workingBytes > 0);
  assert.equal(plan?.inputs.length, 4);
});

test('whatever the deadline, the limits of a dump are whole milliseconds', () => {
  const limitsFor = (deadlineSeconds: number) =>
    planDump(worldWith(installed), { ...settings, deadlineSeconds, dump: 'whole' })?.order;
  const deadlines = Array.from({ length: 3596 }, (_, index) => 5 + index);
  const broken = deadlines.filter((seconds) => {
    const { latestStartMs = 0.5, untilMs = 0.5 } = limitsFor(seconds) ?? {};
    return !Number.isInteger(latestStartMs) || !Number.isInteger(untilMs);
  });
  assert.deepEqual(broken, []);
});

test('without lzo it is zlib, and a static program starts itself', () => {
  const files = { ...MAKEDUMPFILE, loader: undefined, libraries: [] };
  const world = worldWith({ ...installed, value: files } as Reading<ProgramFiles>);
  const command = planDump(world, { ...settings, dump: 'filtered' })?.order.filter?.command;
  assert.deepEqual(command?.slice(0, 2), ['/dump/makedumpfile', '-c']);
});

test('without makedumpfile all memory is saved, and the reason is said', () => {
  const absent = worldWith({ state: 'absent', source: 'makedumpfile' });
  const broken = worldWith({ state: 'unreadable', source: 'makedumpfile', reason: 'it needs libz.so.1' });
  for (const [world, reason] of [
    [absent, /makedumpfile is not installed/],
    [broken, /it needs libz\.so\.1/],
  ] as const) {
    const plan = planDump(world, { ...settings, dump: 'filtered' });
    assert.equal(plan?.order.filter, undefined);
    assert.match(plan?.how ?? '', reason);
  }
  assert.equal(planDump(absent, { ...settings, dump: 'whole' })?.how, 'all memory that is not zero');
  assert.equal(planDump(absent, settings), undefined);
});

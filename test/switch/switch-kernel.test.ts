import assert from 'node:assert/strict';
import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { MachineFacts } from '../../src/machine/facts.ts';
import { valueOf } from '../../src/machine/reading.ts';
import { identifyFile } from '../../src/prepare/prepared-store.ts';
import { readHistory } from '../../src/switch/read-history.ts';
import { ticketPath } from '../../src/switch/state-paths.ts';
import { type OrderedTrial, type SwitchOrder, switchKernel } from '../../src/switch/switch-kernel.ts';
import { decodeTicket } from '../../src/switch/ticket.ts';
import type { SwitchWorld } from '../../src/switch/world.ts';
import { directPlan } from '../support/direct-requests.ts';
import { segmentOf, segmentPlan } from '../support/load-requests.ts';
import { healthyMachine, read } from '../support/machine-facts.ts';
import { quietWorld } from '../support/switch-world.ts';
import { buildTree } from '../support/tree-builder.ts';
import { TRIAL, TRIAL_ID } from '../support/trial-world.ts';

/** The step at which something goes wrong. */
type Failure = 'load' | 'sync' | 'ticket' | 'prepare' | 'say' | 'leave' | 'unload' | 'undo';

/** Switches in a world that writes down each step, with what the ticket says at it. */
async function leave(
  failures: readonly Failure[] = [],
  way: SwitchOrder['way'] = 'systemd',
  hasTrial = true,
  {
    interruptedAt,
    machine: over = {},
    sources = [],
    plan = segmentPlan(),
  }: {
    readonly interruptedAt?: Failure;
    readonly machine?: Partial<MachineFacts>;
    readonly sources?: SwitchOrder['sources'];
    readonly plan?: SwitchOrder['plan'];
  } = {},
) {
  using tree = buildTree({ 'state/': '', 'run/': '' });
  const steps: string[] = [];
  const remarks: string[] = [];
  const { kexec } = healthyMachine();
  const interrupt = new AbortController();
  const quiet = quietWorld(tree.root, remarks, {
    signal: interrupt.signal,
    readMachine: () => healthyMachine({ ...over, kexec: { ...kexec, loaded: read(true) } }),
  });
  const ticket = () => {
    const text = quiet.files.read(ticketPath(quiet.folders));
    return text === undefined ? undefined : decodeTicket(text, 't');
  };
  const step = (name: Failure, shown: string = name): void => {
    steps.push(`${shown} (${ticket()?.step ?? 'no ticket'})`);
    if (name === interruptedAt) interrupt.abort();
    if (failures.includes(name)) throw new Error(`${name} failed`);
  };
  const world: SwitchWorld = {
    ...quiet,
    kexec: { ...quiet.kexec, segmentsLoad: async () => step('load'), unload: () => step('unload') },
    shutdown: {
      ...quiet.shutdown,
      syncAhead: async () => step('sync'),
      sayLeaving: () => step('say'),
      throughServiceManager: async () => step('leave', 'kexec.target'),
      byOurselves: async () => step('leave', 'by ourselves'),
      now: async () => step('leave', 'now'),
    },
    files: {
      ...quiet.files,
      write: (path, text) => {
        if (path === ticketPath(quiet.folders) && failures.includes('ticket'))
          throw new Error('ticket failed');
        quiet.files.write(path, text);
      },
    },
  };
  const trial: OrderedTrial = {
    ticket: TRIAL,
    prepareJump: async () => step('prepare'),
    undoPreparation: async () => step('undo'),
  };
  const order = { plan, sources, optimisations: [], id: TRIAL_ID, way };
  const error = await switchKernel(world, hasTrial ? { ...order, trial } : order).then(
    () => undefined,
    (thrown: unknown) => (thrown as Error).message,
  );
  const outcomes = readHistory(quiet).entries.flatMap((entry) =>
    entry.kind === 'switch' ? [entry.outcome] : [],
  );
  return { steps, remarks, error, outcomes, ticket: ticket() };
}

test('the ticket is on the disk before a trial prepares its jump, and a guardian is told last before anything is stopped', async () => {
  const { steps, ticket, error, outcomes } = await leave();
  assert.deepEqual(steps, [
    'load (no ticket)',
    'sync (no ticket)',
    'prepare (loaded)',
    'say (leaving)',
    'kexec.target (leaving)',
  ]);
  assert.deepEqual([error, outcomes, ticket?.id, ticket?.trial], [undefined, [], TRIAL_ID, TRIAL]);
  assert.equal(ticket?.fromBootId, valueOf(healthyMachine().bootId));
  assert.notEqual(ticket?.leftAtMs, null);
});

test('each way down is the one that was asked for, a guardian is told before, and a switch without a trial says so in its ticket', async () => {
  for (const [way, call] of [
    ['own', 'by ourselves'],
    ['now', 'now'],
  ] as const) {
    const { steps, ticket } = await leave([], way, false);
    assert.deepEqual(steps, ['load (no ticket)', 'sync (no ticket)', 'say (leaving)', `${call} (leaving)`]);
    assert.deepEqual([ticket?.trial, ticket?.shutdown], [null, way]);
  }
});

test('a kernel that cannot be loaded changes nothing: there is nothing to undo', async () => {
  const { steps, error, outcomes } = await leave(['load']);
  assert.deepEqual([steps, error, outcomes], [['load (no ticket)'], 'load failed', []]);
});

for (const failure of ['sync', 'ticket', 'prepare', 'leave'] as const)
  test(`where ${failure} fails, the kernel is unloaded, the preparation undone and the ticket gone`, async () => {
    const { steps, error, outcomes, ticket, remarks } = await leave([failure]);
    assert.equal(error, `${failure} failed`);
    assert.deepEqual(
      steps.slice(-2).map((step) => step.split(' ')[0]),
      ['unload', 'undo'],
    );
    assert.deepEqual([outcomes, ticket, remarks], [['abandoned'], undefined, []]);
  });

test('what cannot be put back is said, and the rest is put back all the same', async () => {
  const { error, outcomes, ticket, remarks } = await leave(['leave', 'unload', 'undo']);
  assert.deepEqual([error, outcomes, ticket], ['leave failed', ['abandoned'], undefined]);
  assert.deepEqual(remarks, ['while giving up: unload failed', 'while giving up: undo failed']);
});

for (const interruptedAt of ['load', 'sync', 'prepare'] as const)
  test(`Ctrl-C while ${interruptedAt} lasts stops nothing, and what was done is undone`, async () => {
    for (const way of ['systemd', 'own', 'now'] as const) {
      const { steps, error, outcomes, ticket } = await leave([], way, true, { interruptedAt });
      assert.match(error ?? '', /^interrupted before anything was stopped/);
      assert.deepEqual(
        steps.slice(-2).map((step) => step.split(' ')[0]),
        ['unload', 'undo'],
      );
      assert.ok(!steps.some((step) => /^(kexec\.target|by ourselves|now) /.test(step)));
      assert.deepEqual([outcomes, ticket], [['abandoned'], undefined]);
    }
  });

/** System RAM with a page of it reserved since. */
function withReserved(address: bigint) {
  const page = { start: address, end: address + 0x1000n, name: 'Reserved', children: [] };
  return systemRam().map((range) =>
    range.start <= address && address < range.end ? { ...range, children: [...range.children, page] } : range,
  );
}

function systemRam() {
  return (valueOf(healthyMachine().iomem) ?? []).filter(({ name }) => name === 'System RAM');
}

test('a plan whose memory is gone or reserved by the time it is agreed to is not loaded', async () => {
  const { address } = segmentPlan().segments[0]!;
  for (const now of [withReserved(address), systemRam().slice(0, 1)]) {
    const { steps, error } = await leave([], 'own', false, { machine: { iomem: read(now) } });
    assert.match(error ?? '', /memory has changed since the plan was made: .* nothing was loaded/);
    assert.deepEqual(steps, []);
  }
});

test('memory that a kernel clears and uses behind its content counts as much as the content', async () => {
  const plan = directPlan();
  const { address, memorySize } = segmentOf(plan, 'kernel');
  const behind = { machine: { iomem: read(withReserved(address + BigInt(memorySize))) }, plan };
  const { steps, error } = await leave([], 'own', false, behind);
  assert.match(
    error ?? '',
    /: the memory of kernel at 0x[0-9a-f]+ would lie in memory that is gone or reserved;/,
  );
  assert.deepEqual(steps, []);
});

test('a plan whose files have changed by the time it is agreed to is not loaded', async () => {
  using tree = buildTree({ 'boot/vmlinuz': 'kernel' });
  const path = join(tree.root, 'boot/vmlinuz');
  const sources = [identifyFile(path)];
  assert.equal((await leave([], 'own', false, { sources })).error, undefined);
  utimesSync(path, new Date(0), new Date(1));
  const { steps, error } = await leave([], 'own', false, { sources });
  assert.equal(error, `${path} has changed since it was read and checked`);
  assert.deepEqual(steps, []);
});

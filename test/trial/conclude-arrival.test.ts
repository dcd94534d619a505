import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import { encodeLoadedRecord, type LoadedRecord } from '../../src/switch/loaded-record.ts';
import { readHistory } from '../../src/switch/read-history.ts';
import { ticketPath } from '../../src/switch/state-paths.ts';
import { encodeTicket } from '../../src/switch/ticket.ts';
import { concludeArrivalAlone, concludeLastSwitch } from '../../src/trial/conclude-arrival.ts';
import type { ResetEvidence } from '../../src/trial/conclude-trial.ts';
import { absent } from '../support/machine-facts.ts';
import {
  machineAtHome,
  machineOnTrial,
  TRIAL_ARMING,
  type TrialWorld,
  trialTicket,
  trialWorld,
} from '../support/trial-world.ts';

const RESET: ResetEvidence = { watchdogReset: absent(), persistentRecords: absent() };

function conclude({ world }: TrialWorld): Promise<boolean> {
  return concludeLastSwitch(world, RESET, { tellUsers: async () => undefined });
}

function outcomes({ world }: TrialWorld): string[] {
  return readHistory(world).entries.flatMap((entry) => (entry.kind === 'switch' ? [entry.outcome] : []));
}

test('a switch that nobody concluded is in the history before the next one writes its ticket, once', async () => {
  for (const [ticket, outcome] of [
    [{ ...trialTicket(), trial: null }, 'elsewhere'],
    [trialTicket(), 'returned'],
  ] as const) {
    using at = trialWorld(machineAtHome(), encodeTicket(ticket));
    assert.equal(await conclude(at), true);
    assert.deepEqual([outcomes(at), at.text('trial.json')], [[outcome], undefined]);
    assert.equal(await conclude(at), false);
    assert.deepEqual(outcomes(at), [outcome]);
  }
});

test('a load that nobody concluded is in the history before the next switch, once', async () => {
  const record: LoadedRecord = {
    ...{ version: 1, bootId: 'old-boot', slot: 'normal', method: 'segments', title: 'New', release: '6.12' },
    ...{ image: '/boot/new', commandLine: 'root=/dev/vda1', loadedAtMs: 1, loadMs: 1 },
    ...{ optimisations: ['trim'], by: 'khop load' },
  };
  const kept = { 'state/loaded.json': encodeLoadedRecord(record) };
  const ends = ({ world }: TrialWorld) =>
    readHistory(world).entries.flatMap((entry) => (entry.kind === 'load-end' ? [entry.outcome] : []));
  using at = trialWorld(machineAtHome(), null, kept);
  assert.equal(await conclude(at), true);
  assert.equal(await conclude(at), false);
  assert.deepEqual([ends(at), at.text('loaded.json')], [['unknown'], undefined]);
  using still = trialWorld(machineAtHome('', 'old-boot'), null, kept);
  assert.equal(await conclude(still), false);
  assert.deepEqual([ends(still), still.text('loaded.json')], [[], kept['state/loaded.json']]);
  using crashed = trialWorld(machineAtHome(`khop.guard=${TRIAL_ARMING},1,1`), null, kept);
  assert.equal(await conclude(crashed), false);
  assert.deepEqual([ends(crashed), crashed.text('loaded.json')], [[], undefined], 'the crash tells');
});

test('a switch whose ticket outlived its conclusion is in the history once', async () => {
  const ticket = { ...trialTicket(), trial: null };
  using at = trialWorld(machineAtHome(), encodeTicket(ticket));
  const cut = (): never => {
    throw new Error('the power is gone');
  };
  await assert.rejects(
    conclude({ ...at, world: { ...at.world, files: { ...at.world.files, remove: cut } } }),
    /the power is gone/,
  );
  assert.deepEqual(outcomes(at), ['elsewhere']);
  assert.equal(await conclude(at), true);
  assert.deepEqual([outcomes(at), at.text('trial.json')], [['elsewhere'], undefined]);
});

test('a ticket of this boot and one of this kernel’s own trial stay as they are', async () => {
  const { fromBootId } = trialTicket();
  for (const machine of [machineAtHome('', fromBootId), machineOnTrial()]) {
    using at = trialWorld(machine, encodeTicket(trialTicket()));
    assert.equal(await conclude(at), false);
    assert.deepEqual([outcomes(at), at.text('trial.json')], [[], encodeTicket(trialTicket())]);
  }
});

/** Concludes beside another khop. @param refusals what each attempt to get the lock ends in, until one gets it */
async function concludeBeside(at: TrialWorld, refusals: readonly KhopError[]) {
  let [attempts, waitedMs, isLocked, wasLocked] = [0, 0, false, false];
  const world: TrialWorld['world'] = {
    ...at.world,
    exclusively: async (work) => {
      const refusal = refusals[Math.min(attempts++, refusals.length)];
      if (refusal !== undefined) throw refusal;
      isLocked = true;
      return work().finally(() => {
        isLocked = false;
      });
    },
  };
  const wait = async (ms: number) => {
    waitedMs += ms;
  };
  const tellUsers = async () => {
    wasLocked = isLocked;
  };
  const error = await concludeArrivalAlone(world, wait, world.readMachine(), RESET, { tellUsers }).then(
    () => undefined,
    (thrown: unknown) => (thrown as KhopError).code,
  );
  return { error, waitedMs, wasLocked };
}

test('an arrival waits for another khop that is at work, for a minute, and is concluded while none is', async () => {
  const busy = new KhopError('E_BUSY', 'another khop is at work', { hint: 'Wait for it.' });
  using soon = trialWorld(machineAtHome(), encodeTicket(trialTicket()));
  assert.deepEqual(await concludeBeside(soon, [busy, busy, busy]), {
    ...{ error: undefined, waitedMs: 1500, wasLocked: true },
  });
  assert.deepEqual([outcomes(soon), soon.text('trial.json')], [['returned'], undefined]);
  using never = trialWorld(machineAtHome(), encodeTicket(trialTicket()));
  const ended = await concludeBeside(never, new Array(1000).fill(busy));
  assert.deepEqual([ended.error, ended.waitedMs], ['E_BUSY', 60_000]);
  assert.deepEqual([outcomes(never), never.text('trial.json')], [[], encodeTicket(trialTicket())]);
});

test('where nobody can have the lock an arrival is concluded all the same', async () => {
  const full = new KhopError('E_UNREADABLE', '/run/khop/lock cannot be opened', { hint: '' });
  using at = trialWorld(machineAtHome(), encodeTicket(trialTicket()));
  const { error, waitedMs } = await concludeBeside(at, [full]);
  assert.deepEqual([error, waitedMs, outcomes(at)], [undefined, 0, ['returned']]);
});

test('the ticket of a switch that somebody began meanwhile is not taken for the one that is concluded', async () => {
  const other = encodeTicket({ ...trialTicket(), id: '0123456789abcdef' });
  for (const [ticket, outcome] of [
    [encodeTicket({ ...trialTicket(), trial: null }), 'elsewhere'],
    [encodeTicket(trialTicket()), 'returned'],
    [encodeTicket(trialTicket({ phase: 'confirmed' })), 'arrived'],
    ['{ torn', undefined],
  ] as const) {
    using at = trialWorld(machineAtHome(), ticket);
    const { append } = at.world.files;
    const files: TrialWorld['world']['files'] = {
      ...at.world.files,
      append: (path, text) => {
        append(path, text);
        at.world.files.write(ticketPath(at.world.folders), other);
      },
    };
    await concludeLastSwitch({ ...at.world, files }, RESET, { tellUsers: async () => undefined });
    assert.deepEqual([outcomes(at), at.text('trial.json')], [outcome === undefined ? [] : [outcome], other]);
  }
});

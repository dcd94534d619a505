import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import type { GuardWorld } from '../../src/guard/world.ts';
import { readHistory } from '../../src/switch/read-history.ts';
import { encodeTicket, type TicketTrial } from '../../src/switch/ticket.ts';
import { concludeTrial } from '../../src/trial/conclude-trial.ts';
import { type ConfirmCalls, confirmTrial, requireChecksOver } from '../../src/trial/confirm.ts';
import { findFailedTrial, rememberFailedTrial } from '../../src/trial/failed-trials.ts';
import { readKnownGood, verifyGeneration } from '../../src/trial/known-good.ts';
import { absent } from '../support/machine-facts.ts';
import {
  machineAtHome,
  machineOnTrial,
  NEW,
  NOW_MS,
  PowerCut,
  TRIAL_ID,
  type TrialWorld,
  trialTicket,
  trialWorld,
  withPowerCut,
} from '../support/trial-world.ts';

/** Calls that only remember. */
function remembering(calls: string[], over: Partial<ConfirmCalls> = {}): ConfirmCalls {
  return {
    endGuardian: async () => {
      calls.push('guardian ended');
      return [];
    },
    writeSysctl: (name, value) => calls.push(`${name}=${value}`),
    rearmGuard: async () => {
      calls.push('rearm');
    },
    startMeasuring: async () => {
      calls.push('measure');
    },
    tellUsers: async (text) => {
      calls.push(text);
    },
    ...over,
  };
}

function confirming(trial: Partial<TicketTrial> = {}, image?: string): TrialWorld {
  const at = trialWorld(machineOnTrial(), null);
  // Paths of a by-path kernel are absolute, and the tree is somewhere.
  const ticket = trialTicket(trial, { image: join(at.root, image ?? 'boot/new') });
  at.world.files.write(`${at.world.folders.state}/trial.json`, encodeTicket(ticket));
  return at;
}

function verdicts({ world }: Pick<TrialWorld, 'world'>) {
  return readHistory(world).entries.flatMap((entry) =>
    entry.kind === 'switch' ? [`${entry.outcome} ${entry.trial?.verdict}`] : [],
  );
}

test('a confirmed kernel is known to be good, is the default, is in the history, and the trial is over', async () => {
  using at = confirming();
  rememberFailedTrial(at.world, {
    ...{ id: '1', release: NEW, imageSha256: null, title: 'New', atMs: 1, cause: 'unconfirmed', detail: 'x' },
  });
  const calls: string[] = [];
  const { entry, defaultEntry, problems } = await confirmTrial(at.world, remembering(calls));
  assert.deepEqual([defaultEntry, problems], [{ state: 'set' }, []]);
  assert.deepEqual(calls, [
    'guardian ended',
    'kernel.hung_task_panic=0',
    `khop: this machine runs ${NEW}, which was confirmed. See khop history`,
    'rearm',
    'measure',
  ]);
  assert.deepEqual(
    { ...entry, image: '' },
    {
      ...{
        version: 1,
        kind: 'switch',
        id: TRIAL_ID,
        atMs: NOW_MS - 62_000,
        method: 'file',
        optimisations: [],
        added: [],
      },
      ...{
        shutdown: 'systemd',
        fromRelease: '6.1.0-50-amd64',
        toRelease: NEW,
        image: '',
        outcome: 'arrived',
      },
      trial: {
        ...{ verdict: 'confirmed', cause: null, phase: 'confirmed', returnMs: null },
        detail: 'confirmed; it starts by itself from now on',
      },
      ...{ arrivedRelease: NEW, arrivedBootId: 'trial-boot', loadMs: 1000, downMs: 18_000, upMs: 12_000 },
    },
  );
  assert.deepEqual(verdicts(at), ['arrived confirmed']);
  const [generation] = readKnownGood(at.world);
  assert.deepEqual(
    [
      generation?.entryId,
      generation?.release,
      generation?.version,
      generation?.commandLine,
      generation?.bootId,
    ],
    [NEW, NEW, '#1 SMP', 'root=/dev/vda1 quiet', 'trial-boot'],
  );
  assert.deepEqual(verifyGeneration(generation!), []);
  assert.match(at.disk()['boot/loader/loader.conf']!, /^default new\.conf$/m);
  assert.equal(findFailedTrial(at.world, { release: NEW, imageSha256: null }), undefined);
  assert.equal(readFileSync(join(at.root, 'run/arrived'), 'utf8'), `${TRIAL_ID}\n`);
  assert.equal(readFileSync(join(at.root, 'run/confirmed'), 'utf8'), `${TRIAL_ID}\n`);
  assert.equal(at.text('trial.json'), undefined);
});

test('the way up is measured once the arrival is on record, whoever looked for it before', async () => {
  using at = confirming();
  let found: unknown;
  const startMeasuring = async () => {
    found = [verdicts(at), at.text('trial.json'), existsSync(join(at.root, 'run/arrived'))];
  };
  await confirmTrial(at.world, remembering([], { startMeasuring }));
  assert.deepEqual(found, [['arrived confirmed'], undefined, true]);
});

test('the kernel is confirmed although boot loader, watchdog, guard and systemd refuse, and each is said', async () => {
  using at = confirming();
  const refuse = async () => {
    throw new Error('no');
  };
  const bootLoader = { ...at.world.bootLoader, apply: refuse };
  const writeSysctl = () => {
    throw new Error('EPERM');
  };
  const endGuardian = async () => ['systemd does not take /dev/watchdog0'];
  const calls = remembering([], { endGuardian, rearmGuard: refuse, startMeasuring: refuse, writeSysctl });
  const { problems, defaultEntry } = await confirmTrial({ ...at.world, bootLoader }, calls);
  assert.deepEqual(problems, [
    'systemd does not take /dev/watchdog0',
    'kernel.hung_task_panic could not be set back to 0: EPERM',
    'the guard could not be armed again: no',
    'the way up is not measured: no',
    "the boot loader's default could not be changed: no",
  ]);
  assert.equal(defaultEntry.state, 'not-set');
  assert.deepEqual(verdicts(at), ['arrived confirmed']);
  assert.equal(at.text('trial.json'), undefined);
});

test('on a board with U-Boot a confirmed kernel is written to the variable that khop.conf names, or nowhere', async () => {
  const run = async (uBootVariable: string) => {
    using at = confirming();
    const applied: unknown[] = [];
    const bootLoader: GuardWorld['bootLoader'] = {
      read: async () => ({ kind: 'u-boot', variables: new Map([['kernel_image', '/boot/old']]) }),
      obstacles: () => [],
      apply: async (steps) => void applied.push(...steps),
    };
    const configuration = { ...at.world.configuration, uBootVariable };
    const { defaultEntry } = await confirmTrial({ ...at.world, bootLoader, configuration }, remembering([]));
    return { defaultEntry, applied, image: join(at.root, 'boot/new') };
  };
  const { defaultEntry, applied, image } = await run('kernel_image');
  assert.deepEqual(defaultEntry, { state: 'set' });
  const command = ['fw_setenv', 'kernel_image'];
  assert.deepEqual(applied, [{ kind: 'run', command: [...command, image], undo: [...command, '/boot/old'] }]);
  const untold = await run('');
  assert.match(untold.defaultEntry.state === 'not-set' ? untold.defaultEntry.reason : '', /is not known/);
  assert.deepEqual(untold.applied, []);
});

test('a kernel by its path is known to be good with an ordinary command line, and cannot become the default', async () => {
  using at = confirming({ entryId: null });
  const { defaultEntry, problems } = await confirmTrial(at.world, remembering([]));
  assert.deepEqual(defaultEntry, {
    state: 'not-set',
    reason: 'a kernel that is no boot entry cannot become the default',
  });
  assert.equal(problems.length, 1);
  const [generation] = readKnownGood(at.world);
  assert.deepEqual([generation?.entryId, generation?.commandLine], [null, 'root=/dev/vda1']);
  assert.match(at.disk()['boot/loader/loader.conf']!, /^default old\.conf$/m);
});

test('an entry that was removed meanwhile is confirmed, and not recorded', async () => {
  using at = confirming({ entryId: '5.5-gone' });
  const { problems } = await confirmTrial(at.world, remembering([]));
  assert.match(
    problems.join('\n'),
    /^5\.5-gone is no boot entry any more, so it is not recorded as known to be good$/,
  );
  assert.deepEqual([readKnownGood(at.world), verdicts(at)], [[], ['arrived confirmed']]);
});

test('nothing but a kernel on trial that stays can be confirmed', async () => {
  const cause = { kind: 'unhealthy', detail: 'nginx did not come up', atMs: NOW_MS };
  const refused: readonly (readonly [TrialWorld, RegExp])[] = [
    [confirming({ phase: 'returning', cause }), /on its way home: nginx did not come up/],
    [confirming({ phase: 'returning' }), /on its way home: returning/],
    [trialWorld(machineAtHome()), /this kernel is not on trial/],
    [trialWorld(machineAtHome(), null), /not on trial/],
    [trialWorld(machineOnTrial(), null), /trial\.json does not exist/],
    [trialWorld(machineOnTrial(), 'junk'), /trial\.json is not JSON/],
  ];
  for (const [at, message] of refused) {
    const before = at.disk();
    await assert.rejects(confirmTrial(at.world, remembering([])), { code: 'E_STATE', message });
    assert.deepEqual(at.disk(), before);
    at[Symbol.dispose]();
  }
});

test('as long as a guardian may still go home nothing is confirmed, and it can be confirmed again', async () => {
  using at = confirming();
  const before = at.disk();
  const endGuardian = async () => {
    throw new KhopError('E_TIMEOUT', 'the guardian has not ended', { hint: '' });
  };
  await assert.rejects(confirmTrial(at.world, remembering([], { endGuardian })), { code: 'E_TIMEOUT' });
  assert.deepEqual(at.disk(), before);
  await confirmTrial(at.world, remembering([]));
  assert.deepEqual(verdicts(at), ['arrived confirmed']);
});

test('who goes home while the guardian ends wins, and the confirmation says so and writes nothing', async () => {
  using at = confirming();
  const cause = { kind: 'asked', detail: 'somebody asked for it: khop back', atMs: NOW_MS };
  const leaving = encodeTicket(trialTicket({ phase: 'returning', cause }));
  const endGuardian = async () => {
    at.world.files.write(`${at.world.folders.state}/trial.json`, leaving);
    return [];
  };
  await assert.rejects(confirmTrial(at.world, remembering([], { endGuardian })), {
    code: 'E_STATE',
    message: /on its way home: somebody asked for it: khop back/,
  });
  assert.equal(at.text('trial.json'), leaving);
  assert.deepEqual([readKnownGood(at.world), verdicts(at)], [[], []]);
});

test('a person is asked to wait for the checks', () => {
  using early = confirming({ phase: 'network' });
  assert.throws(() => requireChecksOver(early.world, early.world.readMachine()), {
    code: 'E_REFUSED',
    message: /in phase network/,
  });
  using proof = confirming();
  requireChecksOver(proof.world, proof.world.readMachine());
});

/** Confirms with the power going at the `count`-th change. */
async function confirmCut(at: TrialWorld, count: number): Promise<boolean> {
  const cut = withPowerCut(at.world, count);
  try {
    await confirmTrial(cut.world, remembering([]));
  } catch (error) {
    assert.ok(error instanceof PowerCut, String(error));
  }
  return cut.isCut();
}

/** The disk, with the tree's own place left out. */
function diskOf(at: TrialWorld): string {
  return JSON.stringify(at.disk()).replaceAll(at.root, '');
}

test('confirming may be cut short at any write: confirming again ends in the same state', async () => {
  using whole = confirming();
  await confirmTrial(whole.world, remembering([]));
  let cuts = 0;
  for (let isCut = true; isCut; cuts++) {
    using at = confirming();
    isCut = await confirmCut(at, cuts);
    const again = remembering([]);
    // After the last write there is nothing left to confirm.
    if (at.text('trial.json') !== undefined) await confirmTrial(at.world, again);
    assert.deepEqual(verdicts(at), ['arrived confirmed'], `cut at ${cuts}`);
    // A torn line of the history stays where it is; what counts is the same.
    const lines = (disk: string) => disk.replace(/"state\/history\.jsonl":"(?:[^"\\]|\\.)*"/, '');
    assert.equal(lines(diskOf(at)), lines(diskOf(whole)), `cut at ${cuts}`);
  }
  assert.ok(cuts > 6, `${cuts} writes`);
});

test('the power may go while a kernel is confirmed: the next boot, of whichever kernel, finishes it or comes home', async () => {
  const reset = { watchdogReset: absent(), persistentRecords: absent() };
  for (let count = 0, isCut = true; isCut; count++) {
    using at = confirming();
    isCut = await confirmCut(at, count);
    const isDecided = at.text('trial.json')?.includes('"phase": "confirmed"') ?? true;
    const later: GuardWorld = { ...at.world, readMachine: () => machineAtHome('', 'later-boot') };
    await concludeTrial(later, later.readMachine(), reset, { tellUsers: async () => undefined });
    assert.deepEqual(
      verdicts(at),
      [isDecided ? 'arrived confirmed' : 'returned returned'],
      `cut at ${count}`,
    );
    assert.equal(isDecided, count > 0);
    assert.equal(at.text('trial.json'), undefined);
    assert.equal(readKnownGood(at.world).length, isDecided ? 1 : 0);
    const loader = at.disk()['boot/loader/loader.conf']!;
    assert.match(loader, isDecided ? /^default new\.conf$/m : /^default old\.conf$/m, `cut at ${count}`);
    assert.ok(existsSync(join(at.root, 'motd.d/khop-trial')));
  }
});

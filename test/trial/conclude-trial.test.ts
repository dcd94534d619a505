import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { keepArmed } from '../../src/guard/guard.ts';
import { DEFAULT_GUARD_SETTINGS, encodeGuardSettings } from '../../src/guard/guard-settings.ts';
import type { MachineFacts } from '../../src/machine/facts.ts';
import { concludeSwitch } from '../../src/switch/arrive.ts';
import { encodeHistoryEntry, type HistoryEntry } from '../../src/switch/history.ts';
import { isOnTrial } from '../../src/switch/on-trial.ts';
import { readHistory } from '../../src/switch/read-history.ts';
import { encodeTicket, type Ticket } from '../../src/switch/ticket.ts';
import { concludeTrial, type ResetEvidence } from '../../src/trial/conclude-trial.ts';
import { findFailedTrial } from '../../src/trial/failed-trials.ts';
import { inputs } from '../support/inputs.ts';
import { absent, healthyMachine, read } from '../support/machine-facts.ts';
import { type LogEntry, SYSRQ_6_12, writeLog } from '../support/oops-log-builder.ts';
import {
  machineAtHome,
  machineOnTrial,
  NEW,
  NOW_MS,
  OLD,
  TRIAL_CRASH,
  TRIAL_ID,
  type TrialWorld,
  trialTicket,
  trialWorld,
  withPowerCut,
} from '../support/trial-world.ts';

const RESET: ResetEvidence = { watchdogReset: absent(), persistentRecords: absent() };
const HOME = `khop.home=${TRIAL_ID}`;

async function conclude(
  at: Pick<TrialWorld, 'world'>,
  told: string[] = [],
  machine?: MachineFacts,
  reset = RESET,
) {
  const announcer = {
    tellUsers: async (text: string) => {
      told.push(text);
    },
  };
  return await concludeTrial(at.world, machine ?? at.world.readMachine(), reset, announcer);
}

function switches(at: TrialWorld) {
  return readHistory(at.world).entries.filter((entry) => entry.kind === 'switch');
}

const CAUSE = { kind: 'unhealthy', detail: 'nginx did not come up', atMs: NOW_MS - 8000 };

test('a trial that came home is in the history with its cause, the kernel is remembered, and people are told', async () => {
  using at = trialWorld(machineAtHome(HOME), encodeTicket(trialTicket({ phase: 'returning', cause: CAUSE })));
  const told: string[] = [];
  const conclusion = await conclude(at, told);
  assert.equal(conclusion.state, 'returned');
  const [entry] = switches(at);
  assert.deepEqual(
    [entry?.outcome, entry?.trial, entry?.arrivedRelease],
    [
      'returned',
      {
        ...{ verdict: 'returned', cause: 'unhealthy', detail: CAUSE.detail, phase: 'proof', returnMs: 8000 },
        ways: [],
      },
      OLD,
    ],
  );
  assert.equal(at.text('trial.json'), undefined);
  assert.equal(findFailedTrial(at.world, { release: NEW, imageSha256: null })?.cause, 'unhealthy');
  assert.deepEqual(told, [
    `khop: this machine came home from the trial of ${NEW} (unhealthy in phase proof: nginx did not come up). See khop history`,
  ]);
  assert.deepEqual(await conclude(at), { state: 'none' });
});

test('the ways home that were tried outlive the ticket, each once and in their order', async () => {
  const tried = ['returning', 'home-orderly', 'home-orderly', 'home-now', 'returning', 'home-panic'];
  const { phases } = trialTicket().trial;
  const ticket = trialTicket({
    ...{ phase: 'returning', cause: CAUSE },
    phases: [...phases, ...tried.map((phase) => ({ phase, atMs: NOW_MS, upMs: null }))],
  });
  using at = trialWorld(machineAtHome(HOME), encodeTicket(ticket));
  const told: string[] = [];
  await conclude(at, told);
  assert.deepEqual(switches(at)[0]?.trial?.ways, ['home-orderly', 'home-now', 'home-panic']);
  assert.match(
    told[0]!,
    /\(unhealthy in phase proof: nginx did not come up; ways home that were tried: home-orderly, home-now, home-panic\)/,
  );
});

test('a kernel that failed is known by the image that was tried, whatever lies at its path now', async () => {
  const file = (sha256: string) => ({ path: '/root/bzImage', sha256 });
  const tried = {
    image: file('tried'),
    initrds: [],
    deviceTree: null,
    commandLine: '',
    entryCommandLine: '',
  };
  using at = trialWorld(machineAtHome(HOME), encodeTicket(trialTicket({ cause: CAUSE, tried })));
  await conclude(at);
  const find = (imageSha256: string) => findFailedTrial(at.world, { release: NEW, imageSha256 })?.cause;
  assert.deepEqual([find('tried'), find('rebuilt')], ['unhealthy', undefined]);
});

test('in the kernel on trial nothing is concluded, whether its ticket can be read or not', async () => {
  for (const ticket of [encodeTicket(trialTicket()), '{"version": 2, "id"']) {
    using at = trialWorld(machineOnTrial(), ticket);
    const before = at.disk();
    assert.equal((await conclude(at)).state, 'on-trial');
    assert.deepEqual(at.disk(), before);
  }
});

test('a ticket that was removed on trial is no reason to know nothing: the way home tells, once', async () => {
  using at = trialWorld(machineAtHome(HOME), null);
  const told: string[] = [];
  const conclusion = await conclude(at, told);
  assert.equal(conclusion.state, 'lost');
  const [entry] = readHistory(at.world).entries;
  assert.ok(entry?.kind === 'trial-lost');
  assert.deepEqual([entry.id, entry.cause, entry.movedTo], [TRIAL_ID, 'ticket', null]);
  assert.match(told[0]!, /came home from a trial whose ticket is gone/);
  assert.deepEqual(await conclude(at), { state: 'none' });
  using other = trialWorld(machineAtHome(), null);
  assert.deepEqual(await conclude(other), { state: 'none' }, 'no trial led here');
});

test('in the kernel on trial a ticket that is gone is said, and nothing is concluded', async () => {
  using at = trialWorld(machineOnTrial(), null);
  const conclusion = await conclude(at);
  assert.deepEqual(
    [conclusion.state, conclusion.state === 'on-trial' && /does not exist/.test(conclusion.reason ?? '')],
    ['on-trial', true],
  );
  assert.equal(isOnTrial(at.world, at.world.readMachine()), true);
});

test('a ticket of this boot stays, and one of a switch without a trial is left to that', async () => {
  using leaving = trialWorld(machineAtHome('', 'old-boot'));
  assert.deepEqual(await conclude(leaving), { state: 'leaving' });
  const plain: Ticket = { ...trialTicket(), trial: null };
  using other = trialWorld(machineAtHome(), encodeTicket(plain));
  assert.deepEqual(await conclude(other), { state: 'none' });
  assert.equal(concludeSwitch(other.world, other.world.readMachine())?.outcome, 'elsewhere');
  using trial = trialWorld(machineAtHome());
  assert.equal(concludeSwitch(trial.world, trial.world.readMachine()), undefined);
  assert.notEqual(trial.text('trial.json'), undefined);
  using unknown = trialWorld(healthyMachine({ bootId: absent() }));
  assert.deepEqual(await conclude(unknown), { state: 'leaving' });
});

test('a kernel that somebody left, or that never ran, may be tried again', async () => {
  for (const ticket of [
    trialTicket({ cause: { ...CAUSE, kind: 'asked' } }),
    trialTicket({ phase: 'jumping', phases: [] }, { step: 'loaded' }),
  ]) {
    using at = trialWorld(machineAtHome(), encodeTicket(ticket));
    assert.equal((await conclude(at)).state, 'returned');
    assert.equal(at.text('failed-trials.json'), undefined);
  }
});

test('a boot loader that started the kernel on trial itself brought nobody home', async () => {
  const machine = machineOnTrial({ commandLine: read('root=/dev/vda1'), bootId: read('third-boot') });
  using at = trialWorld(machine);
  await conclude(at);
  const [entry] = switches(at);
  assert.equal(entry?.outcome, 'elsewhere');
  assert.match(entry?.trial?.detail ?? '', /not the known-good/);
});

test('a crash counts when it came after the load, by its place and not by the clock', async () => {
  const load: HistoryEntry = {
    ...{ version: 1, kind: 'load', atMs: NOW_MS, slot: 'normal', method: 'file', fromRelease: OLD },
    ...{ toRelease: NEW, image: '/boot/new', loadMs: 5 },
  };
  const crash = { ...TRIAL_CRASH, atMs: 5 };
  const history = (...entries: HistoryEntry[]) => ({
    'state/history.jsonl': entries.map(encodeHistoryEntry).join(''),
  });
  for (const [entries, cause] of [
    [[load, crash], 'panic'],
    [[crash, load], 'firmware'],
    [[load, { ...crash, release: OLD }], 'firmware'],
    [[crash], 'panic'],
  ] as const) {
    using at = trialWorld(machineAtHome(), null, history(...entries));
    at.world.files.write(`${at.world.folders.state}/trial.json`, encodeTicket(trialTicket()));
    await conclude(at);
    const [entry] = switches(at);
    assert.equal(entry?.trial?.cause, cause);
    assert.equal(entry?.trial?.returnMs, null, 'a clock that was set gives no duration');
  }
});

test('a guardian whose jump hung and that pressed the key is no panic of the kernel', async () => {
  const over: LogEntry = [1, 'khop: the trial is over: nobody answered until ms 240000'];
  for (const [log, cause] of [
    [[over, ...SYSRQ_6_12], 'stuck-boot'],
    [SYSRQ_6_12, 'panic'],
  ] as const) {
    const folder = `state/crashes/${TRIAL_CRASH.id}`;
    const files = { [`${folder}/dmesg.txt`]: writeLog(log), [`${folder}/chain.txt`]: 'captured 700\n' };
    const history = { 'state/history.jsonl': encodeHistoryEntry(TRIAL_CRASH) };
    const ticket = encodeTicket(trialTicket({ phase: 'jumping', phases: [] }));
    using at = trialWorld(machineAtHome(), ticket, { ...files, ...history });
    await conclude(at);
    assert.equal(switches(at)[0]?.trial?.cause, cause);
  }
});

test('whatever the clock does, no duration is negative or absurd', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 4e12 }),
      fc.integer({ min: 0, max: 4e12 }),
      async (nowMs, atMs) => {
        const ticket = trialTicket(
          { cause: { ...CAUSE, atMs } },
          { requestedAtMs: nowMs, loadedAtMs: atMs, leftAtMs: atMs },
        );
        using at = trialWorld(machineAtHome(HOME), encodeTicket(ticket), {}, { nowMs: () => nowMs });
        await conclude(at);
        const [entry] = switches(at);
        for (const ms of [entry?.trial?.returnMs, entry?.loadMs, entry?.downMs, entry?.upMs])
          assert.ok(ms == null || (ms >= 0 && ms <= 86_400_000), `${ms}`);
      },
    ),
    inputs(25),
  );
});

test('a disk that refuses keeps the ticket, and people are told all the same', async () => {
  using at = trialWorld(machineAtHome(HOME));
  const append = () => {
    throw new Error('EROFS: read-only file system');
  };
  const world = { ...at.world, files: { ...at.world.files, append } };
  const told: string[] = [];
  const conclusion = await conclude({ world }, told);
  assert.equal(conclusion.state, 'returned');
  assert.match(
    'problems' in conclusion ? conclusion.problems.join() : '',
    /history\.jsonl cannot be written: EROFS/,
  );
  assert.notEqual(at.text('trial.json'), undefined);
  assert.equal(told.length, 1);
});

test('the power may go at any write: the next boots conclude it once, and with the same cause', async () => {
  const ticket = encodeTicket(trialTicket({ phase: 'returning', cause: CAUSE }));
  using whole = trialWorld(machineAtHome(HOME), ticket);
  await conclude(whole);
  const expected = switches(whole).map(({ trial }) => trial);
  for (let count = 0, isCut = true; isCut; count++) {
    using at = trialWorld(machineAtHome(HOME), ticket);
    const cut = withPowerCut(at.world, count);
    await conclude(cut);
    isCut = cut.isCut();
    await conclude(at, [], machineAtHome('', 'later-boot'));
    assert.deepEqual(
      switches(at).map(({ trial }) => trial),
      expected,
      `cut at ${count}`,
    );
    assert.equal(at.text('trial.json'), undefined, `cut at ${count}`);
    assert.equal(at.text('failed-trials.json'), whole.text('failed-trials.json'), `cut at ${count}`);
  }
});

test('a watchdog that only the first boot could see is the cause in the later one, too', async () => {
  const byWatchdog = { ...RESET, watchdogReset: read(true) };
  using whole = trialWorld(machineAtHome());
  await conclude(whole, [], undefined, byWatchdog);
  const failed = whole.text('failed-trials.json');
  assert.match(failed ?? '', /"cause": "watchdog"/);
  let hasHistoryAlone = false;
  for (let count = 0, isCut = true; isCut; count++) {
    using at = trialWorld(machineAtHome());
    const cut = withPowerCut(at.world, count);
    await conclude(cut, [], undefined, byWatchdog);
    isCut = cut.isCut();
    if (switches(at).length === 0) continue;
    hasHistoryAlone ||= at.text('failed-trials.json') === undefined;
    await conclude(at, [], machineAtHome('', 'later-boot'));
    assert.equal(at.text('failed-trials.json'), failed, `cut at ${count}`);
    assert.deepEqual([switches(at).length, at.text('trial.json')], [1, undefined], `cut at ${count}`);
  }
  assert.ok(hasHistoryAlone, 'one cut was between the two');
});

function asides(at: TrialWorld): string[] {
  return Object.entries(at.disk()).flatMap(([path, text]) => (path.includes('.damaged-') ? [text] : []));
}

test('whatever is wrong with the ticket, the known-good kernel moves it aside, loses nothing and says so', async () => {
  const text = encodeTicket(trialTicket());
  const damaged = fc.oneof(
    fc.integer({ min: 0, max: text.length - 3 }).map((length) => text.slice(0, length)),
    fc.integer({ min: 3, max: 99 }).map((version) => JSON.stringify({ ...trialTicket(), version })),
    fc
      .constantFrom('id', 'step', 'fromBootId', 'leftAtMs', 'trial')
      .map((field) => JSON.stringify({ ...trialTicket(), [field]: { x: 1 } })),
    fc
      .constantFrom(...Object.keys(trialTicket().trial))
      .map((field) =>
        JSON.stringify(
          trialTicket({ [field]: { x: [] }, ...(field === 'baseline' ? { phase: 5 } : {}) } as object),
        ),
      ),
    fc.string(),
    fc.json(),
  );
  await fc.assert(
    fc.asyncProperty(damaged, async (bad) => {
      using at = trialWorld(machineAtHome(HOME), bad);
      const told: string[] = [];
      const conclusion = await conclude(at, told);
      assert.equal(conclusion.state, 'lost');
      assert.deepEqual([asides(at), at.text('trial.json')], [[bad], undefined]);
      const [entry] = readHistory(at.world).entries;
      assert.ok(entry?.kind === 'trial-lost' && entry.id === TRIAL_ID && entry.cause === 'ticket');
      assert.match(
        told.join(),
        /a trial whose ticket could not be read.*trial\.json\.damaged-2027-01-15T080000Z/,
      );
      assert.deepEqual(await conclude(at), { state: 'none' });
    }),
    inputs(60),
  );
});

test('the power may go while a damaged ticket is moved aside: it is lost once', async () => {
  for (let count = 0, isCut = true; isCut; count++) {
    using at = trialWorld(machineAtHome(HOME), 'junk');
    const cut = withPowerCut(at.world, count);
    await conclude(cut);
    isCut = cut.isCut();
    await conclude(at, [], machineAtHome('', 'later-boot'));
    const lost = readHistory(at.world).entries.filter(({ kind }) => kind === 'trial-lost');
    assert.deepEqual(
      [lost.length, asides(at), at.text('trial.json')],
      [1, ['junk'], undefined],
      `cut at ${count}`,
    );
  }
});

test('a kernel on trial keeps the panic kernel that the trial began with, until it is confirmed', async () => {
  const settings = { [`state/guard.json`]: encodeGuardSettings(DEFAULT_GUARD_SETTINGS) };
  using at = trialWorld(machineOnTrial(), undefined, settings);
  assert.deepEqual(await keepArmed(at.world), { did: 'nothing', because: 'trial' });
  for (const [machine, ticket, expected] of [
    [machineOnTrial(), encodeTicket(trialTicket({ phase: 'confirmed' })), false],
    [machineOnTrial(), 'junk', true],
    [machineAtHome(), 'junk', false],
    [machineOnTrial(), null, true],
    [machineAtHome(), null, false],
    [machineOnTrial(), undefined, true],
    [machineAtHome(), undefined, false],
    [machineOnTrial({ bootId: read('old-boot') }), undefined, false],
  ] as const) {
    using other = trialWorld(machine, ticket);
    assert.equal(isOnTrial(other.world, machine), expected);
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import type { MachineFacts } from '../../src/machine/facts.ts';
import { encodeHistoryEntry } from '../../src/switch/history.ts';
import { historyPath, ticketPath } from '../../src/switch/state-paths.ts';
import { decodeTicket, encodeTicket } from '../../src/switch/ticket.ts';
import type { SwitchWorld } from '../../src/switch/world.ts';
import { goingHomePath } from '../../src/trial/asked-shutdown.ts';
import { goHome, type HomeOrder } from '../../src/trial/go-home.ts';
import { confirmedEntry } from '../../src/trial/trial-entry.ts';
import { healthyMachine, read } from '../support/machine-facts.ts';
import {
  machineOnTrial,
  NOW_MS,
  TRIAL_ID,
  type TrialWorld,
  trialTicket,
  trialWorld,
} from '../support/trial-world.ts';

/** What stands in for the end of the machine. */
class Gone extends Error {}

const ORDER = { cause: 'asked', detail: 'khop back', orderlyMs: 7000 } as const;

/** @param ends the call in which the machine ends @param during what happens in each call */
async function leave(
  at: TrialWorld,
  ends: string,
  order: Partial<HomeOrder> = {},
  during: (call: string) => void = () => undefined,
): Promise<void> {
  const note = (call: string): void => {
    at.calls.push(call);
    during(call);
    if (call === ends) throw new Gone();
  };
  const async = (call: string) => async () => note(call);
  const shutdown: SwitchWorld['shutdown'] = {
    ...at.world.shutdown,
    throughServiceManager: async (options) =>
      note(options?.isForced === true ? 'kexec.target' : 'kexec.target unless blocked'),
    byOurselves: async ({ stopTimeoutMs }) => note(`stop within ${stopTimeoutMs}`),
    now: async('now'),
  };
  const world = { ...at.world, shutdown, rebootThroughFirmware: async('reboot') };
  const wait = async (ms: number) => note(`wait ${ms}`);
  try {
    await goHome(world, { wait, crashKernel: () => note('crash'), sayLeaving: note }, { ...ORDER, ...order });
  } catch (error) {
    // Further ways are tried after a throw, so what the machine did not live to see is cut off.
    assert.ok(at.calls.includes(ends) || error instanceof Gone);
    at.calls.splice(at.calls.indexOf(ends) + 1);
    return;
  }
}

function loaded(over: Partial<MachineFacts> = {}): MachineFacts {
  const { kexec } = healthyMachine();
  return machineOnTrial({ kexec: { ...kexec, loaded: read(true) }, ...over });
}

function phasesOf(at: TrialWorld): string[] {
  return decodeTicket(at.text('trial.json')!, 't')
    .trial!.phases.map(({ phase }) => phase)
    .slice(3);
}

test('with the known-good kernel in memory each way is harder than the one before, and each is written down first', async () => {
  using at = trialWorld(loaded());
  await leave(at, 'crash');
  assert.deepEqual(at.calls, ['goingHome', 'kexec.target', 'wait 7000', 'now', 'crash']);
  assert.deepEqual(phasesOf(at), ['returning', 'home-orderly', 'home-now', 'home-panic']);
  const { phase, cause } = decodeTicket(at.text('trial.json')!, 't').trial!;
  assert.deepEqual(
    [phase, cause],
    ['returning', { kind: 'asked', detail: 'khop back', atMs: NOW_MS, orderlyMs: 7000 }],
  );
  assert.match(at.remarks[0]!, /^Going home, home-orderly: nothing happened\.$/);
});

test('without systemd khop stops the processes itself, and without a kernel in memory the firmware leads home', async () => {
  using own = trialWorld(loaded({ serviceManager: read('busybox') }));
  await leave(own, 'stop within 7000');
  assert.deepEqual(own.calls, ['goingHome', 'stop within 7000']);
  using firmware = trialWorld(machineOnTrial());
  await leave(firmware, 'crash');
  assert.deepEqual(firmware.calls, ['goingHome', 'reboot', 'wait 7000', 'crash']);
  assert.deepEqual(phasesOf(firmware), ['returning', 'home-firmware', 'home-panic']);
});

test('the guardian takes over from a way home that hangs, unless services are given longer than usual to stop', async () => {
  for (const [orderlyMs, message] of [
    [120_000, 'goingHome'],
    [120_001, 'leaving'],
  ] as const) {
    using at = trialWorld(loaded());
    await leave(at, 'kexec.target', { orderlyMs });
    assert.deepEqual(at.calls, [message, 'kexec.target']);
  }
});

test('the first cause stays, and neither a disk that refuses nor a ticket that is damaged keeps anybody', async () => {
  const cause = { kind: 'unhealthy', detail: 'first', atMs: 1 };
  using at = trialWorld(loaded(), encodeTicket(trialTicket({ phase: 'returning', cause })));
  await leave(at, 'kexec.target');
  assert.deepEqual(decodeTicket(at.text('trial.json')!, 't').trial!.cause, cause);
  using damaged = trialWorld(loaded(), 'junk');
  await leave(damaged, 'crash');
  assert.deepEqual([damaged.calls.at(-1), damaged.text('trial.json')], ['crash', 'junk']);
  const refusing = trialWorld(loaded());
  const write = () => {
    throw new Error('EROFS');
  };
  using broken = { ...refusing, world: { ...refusing.world, files: { ...refusing.world.files, write } } };
  await leave(broken, 'crash');
  assert.equal(broken.calls.at(-1), 'crash');
  assert.match(broken.remarks[0]!, /could not be written down: EROFS/);
});

test('before anything stops it is said that nobody asked for it, where nobody did', async () => {
  for (const [cause, said] of [
    ['unhealthy', 'unhealthy\n'],
    ['asked', undefined],
  ] as const) {
    using at = trialWorld(loaded());
    const path = goingHomePath(at.world.folders);
    const seen: string[] = [];
    await leave(at, 'kexec.target', { cause }, (call) => seen.push(`${call}: ${at.world.files.read(path)}`));
    assert.deepEqual(seen.slice(0, 2), [`goingHome: ${said}`, `kexec.target: ${said}`]);
  }
  using full = trialWorld(loaded());
  const { files, folders } = full.world;
  const write: typeof files.write = (path, text) => {
    if (path.startsWith(folders.run)) throw new Error('ENOSPC');
    files.write(path, text);
  };
  await leave({ ...full, world: { ...full.world, files: { ...files, write } } }, 'kexec.target', {
    cause: 'unhealthy',
  });
  assert.equal(full.calls.at(-1), 'kexec.target');
  assert.match(full.remarks[0]!, /as if somebody had asked for it: ENOSPC/);
});

const NOWHERE = {
  wait: async () => undefined,
  crashKernel: () => assert.fail('nobody leaves'),
  sayLeaving: () => assert.fail('nobody leaves'),
};

test('a kernel that was confirmed before the way home was written down stays, and its ticket with it', async () => {
  using deciding = trialWorld(loaded(), encodeTicket(trialTicket({ phase: 'confirmed' })));
  using over = trialWorld(loaded(), null);
  const end = { verdict: 'confirmed', cause: null, detail: '', phase: 'confirmed', returnMs: null } as const;
  const entry = confirmedEntry(trialTicket(), end, machineOnTrial(), NOW_MS);
  over.world.files.append(historyPath(over.world.folders), encodeHistoryEntry(entry));
  for (const at of [deciding, over]) {
    const before = at.disk();
    const order = { ...ORDER, cause: 'unhealthy' } as const;
    await assert.rejects(goHome(at.world, NOWHERE, order), { code: 'E_STATE', message: /was confirmed/ });
    assert.deepEqual([at.calls, at.disk()], [[], before]);
    assert.equal(at.world.files.read(goingHomePath(at.world.folders)), undefined, 'it may be left later');
  }
});

test('another khop with the lock is waited for, and what it has decided by then counts', async () => {
  using at = trialWorld(loaded());
  let tries = 0;
  const exclusively: SwitchWorld['exclusively'] = async (work) => {
    if (tries++ < 3) throw new KhopError('E_BUSY', 'another khop is at work', { hint: '' });
    at.world.files.write(
      `${at.world.folders.state}/trial.json`,
      encodeTicket(trialTicket({ phase: 'confirmed' })),
    );
    return await work();
  };
  await assert.rejects(goHome({ ...at.world, exclusively }, NOWHERE, ORDER), { message: /was confirmed/ });
  assert.equal(tries, 4);
});

test('a khop that keeps the lock, and one that nobody can lock with, keep nobody here for ever', async () => {
  for (const code of ['E_BUSY', 'E_UNREADABLE'] as const) {
    using at = trialWorld(loaded());
    const exclusively = async () => {
      throw new KhopError(code, 'no lock', { hint: '' });
    };
    await leave({ ...at, world: { ...at.world, exclusively } }, 'kexec.target');
    assert.equal(at.calls.at(-1), 'kexec.target');
    assert.equal(decodeTicket(at.text('trial.json')!, 't').trial!.phase, 'returning');
    assert.equal(at.calls.filter((call) => call === 'wait 500').length, code === 'E_BUSY' ? 30 : 0);
  }
});

test('a ticket that is gone is written again with the cause, by who knows it; one that is damaged stays', async () => {
  const lost = { cause: 'ticket', detail: 'the ticket is gone', ticket: trialTicket() } as const;
  using at = trialWorld(loaded(), null);
  await leave(at, 'kexec.target', lost);
  const { id, trial } = decodeTicket(at.text('trial.json')!, 't');
  assert.deepEqual([id, trial?.phase, trial?.cause?.kind], [TRIAL_ID, 'returning', 'ticket']);
  using damaged = trialWorld(loaded(), 'junk');
  await leave(damaged, 'kexec.target', lost);
  assert.equal(damaged.text('trial.json'), 'junk');
  using nobody = trialWorld(loaded(), null);
  await leave(nobody, 'kexec.target');
  assert.equal(nobody.text('trial.json'), undefined);
});

test('when the way down has unmounted the file system of the ticket, none is written below its mount point', async () => {
  using at = trialWorld(loaded());
  await leave(at, 'crash', { ticket: trialTicket() }, (call) => {
    if (call === 'wait 7000') at.world.files.remove(ticketPath(at.world.folders));
  });
  assert.deepEqual(at.calls.slice(-2), ['now', 'crash']);
  assert.equal(at.text('trial.json'), undefined);
});

test('without the known-good kernel in memory its loading from disk is tried, and said when it fails', async () => {
  using at = trialWorld(machineOnTrial());
  await leave(at, 'reboot');
  assert.match(at.remarks[0]!, /known-good kernel is not loaded, and not to be loaded from disk: \S/);
});

test('another kernel in the place of the known-good one is no home: it goes, and the firmware leads', async () => {
  const record = {
    by: 'khop load',
    slot: 'normal',
    bootId: 'trial-boot',
    version: 1,
    method: 'file',
    title: 'x',
  };
  const rest = { release: null, image: '/x', commandLine: '', loadedAtMs: 1, loadMs: 1 };
  let isLoaded = true;
  const readMachine = () => {
    const { kexec } = healthyMachine();
    return machineOnTrial({ kexec: { ...kexec, loaded: read(isLoaded) } });
  };
  using at = trialWorld(loaded(), undefined, {}, { readMachine });
  at.world.files.write(`${at.world.folders.run}/loaded-normal.json`, JSON.stringify({ ...record, ...rest }));
  const kexec = {
    ...at.world.kexec,
    unload: () => {
      isLoaded = false;
      at.calls.push('unload');
    },
  };
  await leave({ ...at, world: { ...at.world, kexec } }, 'reboot');
  assert.deepEqual(at.calls, ['unload', 'goingHome', 'reboot']);
  isLoaded = true;
  at.calls.length = 0;
  at.world.files.write(`${at.world.folders.state}/trial.json`, 'junk');
  await leave({ ...at, world: { ...at.world, kexec } }, 'reboot');
  assert.deepEqual(
    at.calls,
    ['unload', 'goingHome', 'reboot'],
    'also where nothing says which kernel home is',
  );
});

test('when nothing led away, that is said with every way that was tried', async () => {
  using at = trialWorld(loaded());
  const shutdown = {
    ...at.world.shutdown,
    throughServiceManager: async () => undefined,
    now: async () => undefined,
  };
  const wait = async () => undefined;
  const crashKernel = () => {
    throw new Error('ENOENT');
  };
  await assert.rejects(
    goHome({ ...at.world, shutdown }, { wait, crashKernel, sayLeaving: () => undefined }, ORDER),
    {
      code: 'E_STATE',
      message: /home-orderly: nothing happened; home-now: nothing happened; home-panic: ENOENT/,
    },
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepArmed } from '../../src/guard/guard.ts';
import {
  DEFAULT_GUARD_SETTINGS,
  encodeGuardSettings,
  guardSettingsPath,
} from '../../src/guard/guard-settings.ts';
import { readHistory } from '../../src/switch/read-history.ts';
import { confirmedPath } from '../../src/switch/state-paths.ts';
import { encodeTicket } from '../../src/switch/ticket.ts';
import { REPORT_NAME } from '../support/captured-reports.ts';
import { arm, guarded, settingsFor, worldFor } from '../support/guarded-boot.ts';
import { absent, read } from '../support/machine-facts.ts';
import { buildBoot } from '../support/prepared-boot.ts';
import { writeTree } from '../support/tree-builder.ts';
import { machineAtHome, machineOnTrial, TRIAL_ID, trialTicket, trialWorld } from '../support/trial-world.ts';

const WANTED = { 'state/guard.json': encodeGuardSettings(DEFAULT_GUARD_SETTINGS) };
const over = { readReportPlace: () => absent('/var/lib/khop') };

test('during a trial the panic kernel stays that of the trial, also where its ticket cannot be read or is gone', async () => {
  for (const ticket of [undefined, 'not json', null]) {
    using at = trialWorld(machineOnTrial(), ticket, WANTED, over);
    assert.deepEqual(await keepArmed(at.world), { did: 'nothing', because: 'trial' });
    assert.deepEqual(at.calls, []);
  }
});

test('where no guard is wanted nothing is done, on trial or not', async () => {
  for (const machine of [machineOnTrial(), machineAtHome()]) {
    using at = trialWorld(machine);
    assert.deepEqual(await keepArmed(at.world), { did: 'nothing', because: 'off' });
  }
});

test('as soon as the kernel is confirmed, and in every other kernel, the guard is armed', async () => {
  for (const [machine, ticket] of [
    [machineOnTrial(), encodeTicket(trialTicket({ phase: 'confirmed' }))],
    [machineOnTrial(), null],
    [machineAtHome(), undefined],
  ] as const) {
    using at = trialWorld(machine, ticket, WANTED, over);
    if (ticket === null) at.world.files.write(confirmedPath(at.world.folders), `${TRIAL_ID}\n`);
    // This machine has no memory reserved: so far arming came.
    await assert.rejects(keepArmed(at.world), { code: 'E_PLAN', message: /no memory is reserved/ });
  }
});

test('a report whose disk was mounted late comes in while the guard is armed, and the crash is told once', async () => {
  using boot = buildBoot();
  using at = worldFor(boot);
  const machine = guarded({ commandLine: read('root=/dev/vda1 quiet'), uptimeMs: read(7_200_000) });
  const nowhere = { ...over, readMachine: () => machine, findMount: () => absent('/dev/disk') };
  const world = { ...at.world, ...nowhere };
  await arm(boot, world);
  const uuid = '11111111-2222-3333-4444-555555555555';
  const to = { kind: 'file-system', uuid, folder: '/crashes' } as const;
  world.files.write(guardSettingsPath(world.folders), encodeGuardSettings({ ...settingsFor(boot), to }));
  const keep = async () => assert.deepEqual(await keepArmed(world), { did: 'nothing', because: 'armed' });
  await keep();
  assert.match(at.remarks.at(-1)!, /is not mounted, so nobody knows of a report in it$/);

  writeTree(boot.root, {
    [`dev/disk/by-uuid/${uuid}`]: { link: '../../vdb' },
    'sys/dev/block/254:16': { link: '../../class/block/vdb' },
    'sys/class/block/vdb/': '',
    'proc/self/mountinfo': '30 1 254:16 / /mnt/late rw - ext4 /dev/vdb rw\n',
    [`mnt/late/crashes/${REPORT_NAME}/chain.txt`]: 'captured 1\nreport 2\n',
  });
  await keep();
  assert.equal(at.remarks.at(-1), `the report of a crash came in late: khop crashes show ${REPORT_NAME}`);
  const { length } = at.remarks;
  await keep();
  assert.equal(at.remarks.length, length);
  const { entries } = readHistory(world);
  assert.deepEqual(
    entries.flatMap((entry) => (entry.kind === 'crash' ? [entry.id, entry.outcome] : [])),
    [REPORT_NAME, 'home-by-firmware'],
  );
  assert.equal(world.files.read(`${world.folders.run}/crashes-untold`), `${REPORT_NAME}\n`);
});

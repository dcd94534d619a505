import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import { type FirmwareWay, readFirmwareWay } from '../../src/guard/firmware-start.ts';
import type { GuardWorld } from '../../src/guard/world.ts';
import { machineAtHome, NEW, OLD, trialWorld } from '../support/trial-world.ts';

/** Of a machine that runs the old kernel. @param lasting loader.conf's default */
async function wayWith(
  lasting: string,
  home: string | null = null,
  over: Partial<GuardWorld['bootLoader']> = {},
): Promise<FirmwareWay> {
  using at = trialWorld(machineAtHome(), null, { 'boot/loader/loader.conf': `default ${lasting}\n` });
  const world = { ...at.world, bootLoader: { ...at.world.bootLoader, ...over } };
  return await readFirmwareWay(world, world.readMachine(), { home });
}

test('the firmware leads home where the guarded kernel is the default, or the one that was asked for', async () => {
  assert.deepEqual(await wayWith('old.conf'), { leadsTo: 'home' });
  assert.deepEqual(await wayWith('new.conf', NEW), { leadsTo: 'home' });
});

test('a default that an upgrade has moved on is named beside the guarded kernel, with what to do', async () => {
  const another = {
    ...{ leadsTo: 'another', words: `starts new (${NEW}), not old (${OLD})` },
    remedy: `prove that one (khop switch ${NEW}), or make old (${OLD}) the boot loader’s default`,
  };
  assert.deepEqual(await wayWith('new.conf'), another);
  const read = async () => {
    throw new KhopError('E_NOT_FOUND', 'no boot loader is known here', { hint: '-' });
  };
  assert.deepEqual(await wayWith('new.conf', null, { read }), another, 'the menu says so, too');
  assert.match(JSON.stringify(await wayWith('old.conf', NEW)), /starts old \(.*\), not new \(/);
});

test('a default that is set for one start, or cannot be compared, does not count as home', async () => {
  const once = await wayWith('old.conf', null, {
    read: async () => ({
      ...{ kind: 'systemd-boot', entries: [], unifiedImages: [], entryDefault: undefined },
      loaderConf: { path: '/boot/loader/loader.conf', text: 'default new.conf\n' },
      kernelCommandLine: { path: '/etc/kernel/cmdline', text: undefined },
      entryOneShot: 'old.conf',
    }),
  });
  assert.match(JSON.stringify(once), /"unknown".*the next start alone/);
  const lost = await wayWith('old.conf', 'no-such-kernel');
  assert.match(JSON.stringify(lost), /"unknown".*starts a kernel that is not known: /);
});

test('of U-Boot, which kernel starts by itself is told by its variable', async () => {
  const wayTo = async (name: string) => {
    using at = trialWorld(machineAtHome(), null, { 'boot/loader/loader.conf': 'default old.conf\n' });
    const variables = new Map([['image', `${at.root}/boot/${name}`]]);
    const bootLoader = {
      ...at.world.bootLoader,
      read: async () => ({ kind: 'u-boot', variables }) as const,
    };
    const configuration = { ...at.world.configuration, uBootVariable: 'image' };
    const world = { ...at.world, bootLoader, configuration };
    return JSON.stringify(await readFirmwareWay(world, world.readMachine(), { home: null }));
  };
  assert.match(await wayTo('old'), /home/);
  assert.match(await wayTo('new'), /starts new \(.*\), not old \(/);
  assert.match(await wayTo('else'), /"unknown".*may start another kernel than old \(.*\): .* is not known"/);
});

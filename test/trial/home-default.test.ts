import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import type { GuardWorld } from '../../src/guard/world.ts';
import { readKernels } from '../../src/switch/choose-kernel.ts';
import { type HomeDefault, planHomeDefault } from '../../src/trial/home-default.ts';
import { machineAtHome, NEW, OLD, trialWorld } from '../support/trial-world.ts';

/** @param release of the kernel that is to be the default, where `old.conf` is */
async function planFor(release: string, over: Partial<GuardWorld['bootLoader']> = {}): Promise<HomeDefault> {
  using at = trialWorld(machineAtHome(), null);
  const world = { ...at.world, bootLoader: { ...at.world.bootLoader, ...over } };
  const { kernels } = readKernels(world, world.readMachine());
  const kernel = kernels.find((each) => each.release === release);
  assert.ok(kernel !== undefined, `${release} is no boot entry`);
  return await planHomeDefault(world, kernel, undefined);
}

test('a boot loader that starts the known-good kernel is left alone', async () => {
  assert.deepEqual(await planFor(OLD), { state: 'already' });
});

test('a default that is another kernel goes back to the known-good one', async () => {
  const planned = await planFor(NEW);
  assert.ok(planned.state === 'planned', planned.state);
  const [step, ...more] = planned.plan.steps;
  assert.deepEqual(more, []);
  assert.ok(step?.kind === 'file');
  assert.match(step.path, /loader\/loader\.conf$/);
  assert.match(String(step.after), /default new\.conf/);
});

/** systemd-boot, whose one-shot entry is the kernel that `old.conf` is of. @param lasting loader.conf's default */
function withOneShot(lasting: string): Pick<GuardWorld['bootLoader'], 'read'> {
  const file = (path: string, text?: string) => ({ path, text });
  const read: GuardWorld['bootLoader']['read'] = async () => ({
    kind: 'systemd-boot',
    loaderConf: file('/boot/loader/loader.conf', `default ${lasting}\n`),
    entries: [],
    unifiedImages: [],
    kernelCommandLine: file('/etc/kernel/cmdline'),
    entryDefault: undefined,
    entryOneShot: 'old.conf',
  });
  return { read };
}

test('the known-good kernel that only the next start takes becomes the default of those after it', async () => {
  const planned = await planFor(OLD, withOneShot('new.conf'));
  assert.ok(planned.state === 'planned', planned.state);
  assert.deepEqual(
    planned.plan.steps.map((step) => step.kind === 'file' && step.after),
    ['default old.conf\n'],
  );
  const locked = await planFor(OLD, { ...withOneShot('new.conf'), obstacles: () => ['/boot is read-only'] });
  assert.match(
    locked.state === 'missing' ? locked.reason : '',
    /for the next start alone, and \/boot is read-only/,
  );
  assert.deepEqual(await planFor(OLD, withOneShot('old.conf')), { state: 'already' });
});

test('the known-good kernel is the default also where nobody knows the boot loader', async () => {
  const read = async () => {
    throw new KhopError('E_NOT_FOUND', 'no boot loader is known here', { hint: '-' });
  };
  assert.deepEqual(await planFor(OLD, { read }), { state: 'already' });
});

test('a default that cannot be moved is said, with what stands in the way', async () => {
  const read = async () => {
    throw new KhopError('E_UNSUPPORTED', 'no boot loader is known here', { hint: '-' });
  };
  const unknown = await planFor(NEW, { read });
  assert.match(unknown.state === 'missing' ? unknown.reason : '', /no boot loader is known here/);
  const locked = await planFor(NEW, { obstacles: () => ['/boot is read-only'] });
  assert.match(locked.state === 'missing' ? locked.reason : '', /is the default, and \/boot is read-only/);
});

test('U-Boot starts the known-good kernel where the variable of khop.conf names it', async () => {
  const planWith = async (value: string, uBootVariable: string): Promise<HomeDefault> => {
    using at = trialWorld(machineAtHome(), null);
    const read = async () => ({ kind: 'u-boot', variables: new Map([['image', value]]) }) as const;
    const bootLoader = { ...at.world.bootLoader, read, obstacles: () => [] };
    const configuration = { ...at.world.configuration, uBootVariable };
    const world = { ...at.world, bootLoader, configuration };
    const kernels = readKernels(world, world.readMachine()).kernels.filter(({ release }) => release === NEW);
    return await planHomeDefault(world, { ...kernels[0]!, image: '/boot/home' }, undefined);
  };
  assert.deepEqual(await planWith('/boot/home', 'image'), { state: 'already' });
  assert.equal((await planWith('/boot/other', 'image')).state, 'planned');
  assert.equal((await planWith('/boot/home', '')).state, 'missing');
});

/**
 * A watchdog of emulated hardware over jumps between real kernels.
 * @module
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { build } from 'esbuild';
import { collectModules } from '../../src/kernels/kernel-modules.ts';
import { startFullMachine, waitForSystem } from '../../src/lab/full-machine.ts';
import { labKernel } from '../../src/lab/kernel-store.ts';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { COMMAND, hop, kernelWords } from '../vm/switching.ts';

const LIMIT = { timeout: 900_000 };
/** Longer than anything that is armed here. */
const RESET_TIMEOUT_MS = 300_000;
/** Some of them take their time, and all that of an emulated processor. */
const ACT = { timeoutMs: 300_000 };
const WATCHDOG = ['-device', 'i6300esb', '-action', 'watchdog=reset'];
const SWITCH = `khop switch ${kernelWords('6.12')} --now --yes`;

let bundled: Promise<Uint8Array> | undefined;

async function bundle(): Promise<Uint8Array> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, 'watchdog-program.ts')],
    ...({ bundle: true, write: false, format: 'esm', platform: 'node', target: 'node24' } as const),
    external: ['koffi'],
    logLevel: 'warning',
  });
  return outputFiles[0]!.contents;
}

/** A machine with the watchdog, and all resets that it made. */
async function startMachine(): Promise<{ machine: VirtualMachine; resets: unknown[] }> {
  const machine = await startSmallMachine({
    kernel: '6.12',
    extraArguments: WATCHDOG,
  });
  const resets: unknown[] = [];
  machine.qmp.onEvent(({ event, data }) => {
    if (event === 'WATCHDOG') resets.push(data);
  });
  await prepare(machine);
  return { machine, resets };
}

/** After every start of a kernel: its initramfs is new. */
async function prepare(machine: VirtualMachine): Promise<void> {
  bundled ??= bundle();
  await machine.run('[ -e /tool/khop/main.js ] || mount-khop', COMMAND);
  await machine.run('ln -sfn /tool/khop/node_modules /tmp/node_modules', COMMAND);
  await machine.copyIn(await bundled, '/tmp/watchdog.mjs');
}

async function loadDriver(machine: VirtualMachine, parameters: string): Promise<void> {
  const kernel = await labKernel('6.12');
  const modules = await collectModules(kernel.modules, ['i6300esb']);
  for (const { name, bytes } of modules) {
    await machine.copyIn(bytes, `/tmp/${name}.ko`);
    await machine.run(`insmod /tmp/${name}.ko ${name === 'i6300esb' ? parameters : ''}`, COMMAND);
  }
}

async function act(machine: VirtualMachine, name: string, seconds = 0): Promise<unknown> {
  const { stdout } = await machine.run(`/tool/bin/node /tmp/watchdog.mjs ${name} ${seconds}`, ACT);
  return JSON.parse(stdout);
}

async function planOf(machine: VirtualMachine): Promise<Record<string, unknown>> {
  return (await act(machine, 'plan')) as Record<string, unknown>;
}

async function waitForReset(machine: VirtualMachine): Promise<void> {
  const { bootId } = await machine.waitForHello(1000);
  await machine.waitForNewKernel(bootId, RESET_TIMEOUT_MS);
}

test('a watchdog is petted, stopped, and left counting just as it is asked to', LIMIT, async () => {
  const { machine, resets } = await startMachine();
  await using _ended = machine;
  assert.match(String((await planOf(machine)).reason), /`modprobe i6300esb`/);
  await loadDriver(machine, '');
  const plan = await planOf(machine);
  assert.deepEqual(
    [plan.device, plan.driver, plan.isOverJump, plan.mustLock],
    ['/dev/watchdog0', 'i6300esb', true, true],
  );

  const armed = await act(machine, 'arm-unlocked', 120);
  assert.deepEqual(armed, { timeoutSeconds: 120, isLocked: false, evidence: 'state' });
  assert.deepEqual(await act(machine, 'guard', 20), {
    ...{ granted: 20, wasCounting: true },
    stop: { state: 'stopped' },
  });
  assert.equal(await act(machine, 'wait', 30), 'still here');
  assert.deepEqual(resets, []);

  await act(machine, 'arm-unlocked', 5);
  await waitForReset(machine);
  assert.deepEqual(resets, [{ action: 'reset' }]);
  await prepare(machine);
  await loadDriver(machine, '');
  assert.deepEqual(await act(machine, 'boot-status'), {
    state: 'read',
    value: true,
    source: '/sys/class/watchdog',
  });
});

test('armed before the jump it resets a new kernel in which nobody pets it', LIMIT, async () => {
  const { machine, resets } = await startMachine();
  await using _ended = machine;
  await loadDriver(machine, '');
  assert.deepEqual(await act(machine, 'arm'), { timeoutSeconds: 120, isLocked: true, evidence: 'state' });
  await hop(machine, SWITCH);
  assert.deepEqual(resets, [], 'it let the new kernel come up');
  await waitForReset(machine);
  assert.deepEqual(resets, [{ action: 'reset' }]);
});

test('a new kernel that pets it lives, and cannot stop it', LIMIT, async () => {
  const { machine, resets } = await startMachine();
  await using _ended = machine;
  await loadDriver(machine, '');
  await act(machine, 'arm');
  await hop(machine, SWITCH);
  await prepare(machine);
  await loadDriver(machine, 'heartbeat=100');
  assert.deepEqual(await act(machine, 'guard', 20), {
    ...{ granted: 20, wasCounting: true },
    stop: { state: 'counting', reason: '/dev/watchdog0 cannot be stopped before the next reset' },
  });
  assert.deepEqual(resets, []);
  await waitForReset(machine);
  assert.deepEqual(resets, [{ action: 'reset' }]);
});

test('without a lock kexec stops it, which is why it is locked', LIMIT, async () => {
  const { machine, resets } = await startMachine();
  await using _ended = machine;
  await loadDriver(machine, '');
  await act(machine, 'arm-unlocked', 90);
  await hop(machine, SWITCH);
  await prepare(machine);
  assert.equal(await act(machine, 'wait', 95), 'still here');
  assert.deepEqual(resets, []);
});

test('systemd gives the watchdog away, and takes it again after the trial', LIMIT, async () => {
  await using machine = await startFullMachine({ extraArguments: WATCHDOG });
  // Only the other kernel that is installed there has the driver.
  const { kernels } = JSON.parse((await machine.run('khop list --json', COMMAND)).stdout);
  const target = kernels.find(({ release }: { release: string }) => release.startsWith('6.12.'));
  await hop(machine, `khop switch ${target.id} --yes`);
  await waitForSystem(machine);
  await machine.run('modprobe i6300esb', COMMAND);
  await prepare(machine);
  assert.equal((await planOf(machine)).isHeldByServiceManager, false);

  assert.deepEqual(await act(machine, 'give', 60), { state: 'service-manager' });
  const held = await planOf(machine);
  assert.equal(held.isHeldByServiceManager, true);
  assert.ok((held.kernelArguments as string[]).includes('systemd.watchdog_sec=off'));
  const busy = await machine.exec('/tool/bin/node /tmp/watchdog.mjs arm', COMMAND);
  assert.match(busy.stderr, /\/dev\/watchdog0 is held by systemd \(process 1\)/);

  await act(machine, 'take');
  assert.equal((await planOf(machine)).isHeldByServiceManager, false);
  assert.deepEqual(await act(machine, 'stop'), { state: 'stopped' });
  await act(machine, 'arm');
  // Locked, and not set in system.conf: so it cannot be stopped, and has to be petted.
  assert.deepEqual(await act(machine, 'give', 0), { state: 'service-manager' });
  assert.equal((await planOf(machine)).isHeldByServiceManager, true);
});

/**
 * A kernel that khop loaded and that others jump to, under systemd, from the installed package: the next start knows
 * whether it came up, and a trimmed initramfs that was not seen to is not taken again at once.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startFullMachine, waitForSystem } from '../../src/lab/full-machine.ts';
import { INSTALLED, installPackage } from '../vm/built-package.ts';
import { hop } from '../vm/switching.ts';

const LIMIT = { timeout: 1_500_000 };
/** Kernels are prepared in an emulated machine. */
const COMMAND = { timeoutMs: 400_000 };
const HOP_MS = 420_000;

test('who loads with khop and jumps with systemctl finds in the history how that ended', LIMIT, async () => {
  await using machine = await startFullMachine();
  await installPackage(machine);
  const json = async (command: string) =>
    JSON.parse((await machine.run(`${INSTALLED} ${command} --json`, COMMAND)).stdout);
  const lastEnd = async () => {
    const { entries } = await json('khop history');
    return entries.findLast(({ kind }: { readonly kind: string }) => kind === 'load-end');
  };
  const isTrimmed = async (): Promise<boolean> => {
    const { optimisations } = await json(`khop switch ${target.id} --fast --dry-run --no-trial`);
    return optimisations.find(({ name }: { readonly name: string }) => name === 'trim').isUsed;
  };
  const { kernels } = await json('khop list');
  const target = kernels.find(({ release }: { readonly release: string }) => release.startsWith('6.12.'));

  await machine.run(`${INSTALLED} khop load ${target.id} --fast`, COMMAND);
  const hello = await hop(machine, 'systemctl kexec', HOP_MS);
  assert.equal(hello.release, target.release);
  await waitForSystem(machine);
  const arrived = await lastEnd();
  assert.deepEqual([arrived.outcome, arrived.arrivedRelease], ['arrived', target.release]);
  assert.ok(arrived.optimisations.includes('trim'), arrived.optimisations.join());

  // Back by the firmware, to the kernel that starts by itself; then one that is loaded and never comes up.
  await machine.run('sync', COMMAND);
  await hop(machine, 'systemctl reboot', HOP_MS);
  await waitForSystem(machine);
  assert.equal(await isTrimmed(), true);
  await machine.run(`${INSTALLED} khop load ${target.id} --fast && sync`, COMMAND);
  const { bootId } = await machine.waitForHello(1000);
  await machine.reset();
  await machine.waitForNewKernel(bootId, HOP_MS);
  await waitForSystem(machine);
  assert.equal((await lastEnd()).outcome, 'unknown');
  assert.equal(await isTrimmed(), false);
});

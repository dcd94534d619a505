/**
 * A trial on a full Debian with systemd, GRUB and ext4, from the installed package.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startFullMachine, waitForSystem } from '../../src/lab/full-machine.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { INSTALLED, installPackage } from './built-package.ts';
import { COMMAND, hop } from './switching.ts';

const LIMIT = { timeout: 1_800_000 };
/** Three kernels are planned and one is prepared before the jump. */
const STAGED_HOP_MS = 500_000;
/** From the fault to the agent of the known-good kernel. */
const RETURN_MS = 400_000;
const FREE = '--accept dead-hang';

interface Entry {
  readonly kind: string;
  readonly outcome: string;
  readonly arrivedRelease: string;
  readonly trial: { readonly verdict: string; readonly cause: string | null; readonly detail: string } | null;
}

async function ask(machine: VirtualMachine, command: string): Promise<string> {
  return (await machine.run(`${INSTALLED} ${command}`, { timeoutMs: 300_000 })).stdout;
}

async function lastSwitch(machine: VirtualMachine): Promise<Entry> {
  const { entries } = JSON.parse(await ask(machine, 'khop history --json')) as { entries: readonly Entry[] };
  const last = entries.findLast(({ kind }) => kind === 'switch');
  assert.ok(last !== undefined, 'no switch is in the history');
  return last;
}

async function kernelOf(machine: VirtualMachine, line: string): Promise<{ id: string; release: string }> {
  const { kernels } = JSON.parse(await ask(machine, 'khop list --json')) as {
    kernels: readonly { id: string; release: string }[];
  };
  return kernels.find(({ release }) => release.startsWith(`${line}.`))!;
}

test('a good kernel is confirmed by itself, and becomes the default', LIMIT, async () => {
  await using machine = await startFullMachine({ memoryMib: 2048 });
  await installPackage(machine);
  const target = await kernelOf(machine, '6.12');
  const refused = await machine.exec(`${INSTALLED} khop switch ${target.id} --fast --yes`, {
    timeoutMs: 400_000,
  });
  assert.equal(refused.status, 3, refused.stderr);
  assert.match(refused.stderr, /dead-hang/);
  const hello = await hop(
    machine,
    `${INSTALLED} khop switch ${target.id} --fast ${FREE} --yes`,
    STAGED_HOP_MS,
  );
  assert.equal(hello.release, target.release);
  await waitForSystem(machine);
  await ask(machine, 'sh -c "until ! systemctl is-active --quiet khop-trial.service; do sleep 1; done"');
  const last = await lastSwitch(machine);
  assert.equal(last.outcome, 'arrived');
  assert.equal(last.trial?.verdict, 'confirmed');
  assert.equal((await machine.exec('pgrep -x khop-guardian', COMMAND)).stdout, '');
  assert.equal((await machine.exec('test -e /var/lib/khop/trial.json', COMMAND)).status, 1);
  const { kernels } = JSON.parse(await ask(machine, 'khop list --json')) as {
    kernels: readonly { release: string; isDefault: boolean }[];
  };
  assert.equal(kernels.find(({ isDefault }) => isDefault)?.release, target.release);
  assert.equal((await machine.run('cat /proc/sys/kernel/hung_task_panic', COMMAND)).stdout, '0\n');
});

test('a kernel under which a required check fails comes home, and is not tried again', LIMIT, async () => {
  await using machine = await startFullMachine({ memoryMib: 2048 });
  await installPackage(machine);
  const { release: home } = await machine.waitForHello(1000);
  const target = await kernelOf(machine, '6.12');
  await machine.copyIn(
    `#!/bin/sh\ncase $(uname -r) in 6.12*) echo no licence for this kernel; exit 1;; esac\n`,
    '/etc/khop/checks/required.d/licence',
    0o755,
  );
  await hop(machine, `${INSTALLED} khop switch ${target.id} --fast ${FREE} --yes`, STAGED_HOP_MS);
  const { bootId } = await machine.waitForHello(1000);
  const back = await machine.waitForNewKernel(bootId, RETURN_MS);
  assert.equal(back.release, home);
  await waitForSystem(machine);
  const last = await lastSwitch(machine);
  assert.equal(last.outcome, 'returned');
  assert.equal(last.trial?.cause, 'unhealthy');
  assert.match(last.trial?.detail ?? '', /no licence for this kernel/);
  assert.match((await machine.run('cat /proc/cmdline', COMMAND)).stdout, /khop\.home=/);
  const again = await machine.exec(`${INSTALLED} khop switch ${target.id} ${FREE} --yes`, COMMAND);
  assert.equal(again.status, 3, again.stderr);
  assert.match(again.stderr, /--again/);
});

test('a kernel that panics on trial comes home with a report of it', LIMIT, async () => {
  await using machine = await startFullMachine({ memoryMib: 2048 });
  await installPackage(machine);
  const { release: home } = await machine.waitForHello(1000);
  const target = await kernelOf(machine, '6.12');
  await machine.copyIn(
    '#!/bin/sh\ncase $(uname -r) in 6.12*) taskset -c 0 sh -c "echo c >/proc/sysrq-trigger";; esac\n',
    '/etc/khop/checks/required.d/panic',
    0o755,
  );
  await hop(machine, `${INSTALLED} khop switch ${target.id} --fast ${FREE} --yes`, STAGED_HOP_MS);
  const { bootId } = await machine.waitForHello(1000);
  const back = await machine.waitForNewKernel(bootId, RETURN_MS);
  assert.equal(back.release, home);
  await waitForSystem(machine);
  const last = await lastSwitch(machine);
  assert.equal(last.trial?.cause, 'panic');
  assert.match((await machine.run('cat /proc/cmdline', COMMAND)).stdout, /khop\.guard=/);
  const report = JSON.parse(await ask(machine, 'khop crashes show last --json')) as { panicLine: string };
  assert.match(report.panicLine, /sysrq triggered crash/);
});

test('a system whose agent never runs is left by the guardian', LIMIT, async () => {
  await using machine = await startFullMachine({ memoryMib: 2048 });
  await installPackage(machine);
  const { release: home } = await machine.waitForHello(1000);
  const target = await kernelOf(machine, '6.12');
  await machine.run('systemctl mask khop-trial.service', COMMAND);
  await machine.copyIn('trial-boot-deadline = 60\n', '/etc/khop/khop.conf');
  await hop(machine, `${INSTALLED} khop switch ${target.id} --fast ${FREE} --yes`, STAGED_HOP_MS);
  const { bootId } = await machine.waitForHello(1000);
  const back = await machine.waitForNewKernel(bootId, RETURN_MS);
  assert.equal(back.release, home);
  await waitForSystem(machine);
  assert.equal((await lastSwitch(machine)).trial?.cause, 'stuck-boot');
  const recovery = await machine.run('dmesg | grep -c "EXT4-fs.*recovery" || true', COMMAND);
  assert.equal(recovery.stdout.trim(), '0', 'the file system was not left clean');
});

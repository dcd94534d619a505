import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { MOUNT_DATA, withDataDisk } from './data-disk.ts';
import { COMMAND, hop, kernelWords } from './switching.ts';

const LIMIT = { timeout: 600_000 };

/** A process that outlives the command that starts it. */
async function runInBackground(machine: VirtualMachine, script: string): Promise<void> {
  await machine.copyIn(script, '/tmp/background');
  await machine.run('setsid sh /tmp/background </dev/null >/dev/null 2>&1 &', COMMAND);
}

async function recoveries(machine: VirtualMachine): Promise<string> {
  return (await machine.run(`${MOUNT_DATA}\ndmesg | grep -c "recover" || true`, COMMAND)).stdout.trim();
}

test(
  'without systemd khop ends processes with TERM, and leaves file systems that need no recovery',
  LIMIT,
  async () => {
    await withDataDisk(async (disk) => {
      await using machine = await startSmallMachine({
        kernel: '6.1',
        disks: [{ serial: 'data', path: disk, access: 'overlay' }],
      });
      await machine.run(MOUNT_DATA, COMMAND);
      await runInBackground(
        machine,
        'trap "echo ended in order >/data/term; exit 0" TERM; while :; do echo x >>/data/busy; sleep 0.2; done',
      );
      const hello = await hop(machine, `khop switch ${kernelWords('6.12')} --no-trial --yes`);
      assert.match(hello.release, /^6\.12\./);
      assert.equal(await recoveries(machine), '0');
      assert.equal((await machine.run('cat /data/term', COMMAND)).stdout, 'ended in order\n');
    });
  },
);

test(
  '--now ends no process, but a file system that is being written to is read-only and clean at the jump',
  LIMIT,
  async () => {
    await withDataDisk(async (disk) => {
      await using machine = await startSmallMachine({
        kernel: '6.1',
        disks: [{ serial: 'data', path: disk, access: 'overlay' }],
      });
      await machine.run(MOUNT_DATA, COMMAND);
      await runInBackground(
        machine,
        'trap "echo ended >/data/term" TERM; while :; do echo x >>/data/busy; sleep 0.1; done',
      );
      await machine.run('echo before >/data/file', COMMAND);
      const hello = await hop(machine, `khop switch ${kernelWords('6.12')} --now --no-trial --yes`);
      assert.match(hello.release, /^6\.12\./);
      assert.equal(await recoveries(machine), '0');
      assert.equal((await machine.run('cat /data/file', COMMAND)).stdout, 'before\n');
      assert.equal((await machine.exec('test -e /data/term', COMMAND)).status, 1);
    });
  },
);

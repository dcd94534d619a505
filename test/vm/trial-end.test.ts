import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { encodeTicket } from '../../src/switch/ticket.ts';
import { TRIAL_ID, trialTicket } from '../support/trial-world.ts';
import { MOUNT_DATA, withDataDisk } from './data-disk.ts';
import { COMMAND, hop, kernelWords } from './switching.ts';

const LIMIT = { timeout: 600_000 };
const STATE = '/var/lib/khop';

/** As after every start of a kernel: the state is on a disk. */
const MOUNT = `${MOUNT_DATA}\nmkdir -p /var/lib /data/khop; ln -sfn /data/khop ${STATE}`;

async function say(machine: VirtualMachine, script: string): Promise<string> {
  return (await machine.run(script, COMMAND)).stdout;
}

test(
  'a kernel on trial is confirmed, or left by khop back, and the kernel at home says why',
  LIMIT,
  async () => {
    await withDataDisk(async (disk) => {
      await using machine = await startSmallMachine({
        ...{ kernel: '6.12', kernelArguments: `khop.trial=${TRIAL_ID}`, isCold: true },
        disks: [{ serial: 'data', path: disk, access: 'overlay' }],
      });
      await machine.run(MOUNT, COMMAND);
      const release = (await say(machine, 'uname -r')).trim();
      const home = (await say(machine, 'basename $(ls /boot/vmlinuz-6.1.*)')).trim().replace('vmlinuz-', '');
      const image = `/boot/vmlinuz-${release}`;
      const ticket = encodeTicket(
        trialTicket(
          {
            entryId: null,
            restore: { 'kernel.panic': '17' },
            home: { id: home, title: `Linux ${home}`, release: home },
          },
          { image, toRelease: release, fromRelease: home },
        ),
      );
      await machine.copyIn(ticket, `${STATE}/trial.json`);
      assert.match(await say(machine, 'khop arrive'), /This kernel is on trial: nothing is concluded/);
      assert.match(
        await say(machine, 'khop trial'),
        /on trial: phase proof\.[^]*goes home unless confirmed in/,
      );

      const confirmed = await say(machine, 'khop confirm; cat /proc/sys/kernel/panic; ls /var/lib/khop');
      assert.match(confirmed, /6\.12\.\S+ is confirmed\. It does not start by itself/);
      assert.match(confirmed, /\n17\n(?=[^]*history\.jsonl)(?=[^]*known-good\.json)(?![^]*trial\.json)/);
      assert.match(
        await say(machine, 'khop history'),
        /trial +6\.1\..*arrived on 6\.12\..*; confirmed; it does not start/,
      );
      assert.match(await say(machine, 'khop trial; echo status $?'), /was confirmed\.[^]*status 0\n$/);

      await machine.run(`rm ${STATE}/history.jsonl`, COMMAND);
      await machine.copyIn(ticket, `${STATE}/trial.json`);
      const words = `${kernelWords('6.1')} --append khop.home=${TRIAL_ID}`;
      await machine.run(`khop load ${words}`, COMMAND);
      const hello = await hop(machine, 'khop back --yes --deadline 30');
      assert.match(hello.release, /^6\.1\./);
      await machine.run(MOUNT, COMMAND);
      assert.match(
        await say(machine, 'khop arrive'),
        /came home from the trial of 6\.12\.\S+ \(asked in phase proof: somebody asked for it: khop back\)/,
      );
      assert.match(await say(machine, 'khop trial; echo status $?'), /No trial is going on\.[^]*status 4\n$/);
      assert.match(
        await say(machine, 'cat /run/motd.d/khop-trial'),
        /^khop: this machine came home from the trial/,
      );

      await machine.copyIn('not a ticket', `${STATE}/trial.json`);
      assert.match(
        await say(machine, `khop arrive; ls ${STATE}`),
        /could not be read[^]*trial\.json\.damaged-/,
      );
      assert.match(await say(machine, 'khop arrive'), /No switch is in flight/);
    });
  },
);

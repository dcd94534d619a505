import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { GuestHello } from '../../src/lab/agent-channel.ts';
import { writeExt4Image } from '../../src/lab/ext4-image.ts';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { COMMAND, hop, kernelWords } from './switching.ts';

const STATE = '/var/lib/khop';
/** As after every start of a kernel: the initramfs is new. */
const PREPARE = 'touch /lib/modules/$(uname -r)/modules.builtin; mkdir -p /var/lib/khop';
const MOUNT = [
  `grep -q " ${STATE} " /proc/mounts && exit 0`,
  `mount -t ext4 /dev/$(grep -l state /sys/block/vd*/serial | cut -d/ -f4) ${STATE}`,
].join('\n');

async function say(machine: VirtualMachine, script: string): Promise<string> {
  return (await machine.run(script, COMMAND)).stdout;
}

/** Crashes and waits for the kernel that comes home. */
async function crash(machine: VirtualMachine): Promise<GuestHello> {
  const hello = await hop(machine, 'echo c >/proc/sysrq-trigger');
  await machine.run(PREPARE, COMMAND);
  return hello;
}

test('a report needs no disk, and the same crash twice ends with the kernel before', {
  timeout: 600_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'khop-guard-return-'));
  try {
    const image = join(folder, 'state.img');
    const empty = await mkdtemp(join(folder, 'tree-'));
    await writeExt4Image(empty, image, { label: 'state', spareMib: 32, sizeMib: 64, hasJournal: true });
    await using machine = await startSmallMachine({
      kernel: '6.1',
      memoryMib: 1024,
      kernelArguments: 'crashkernel=256M',
      isCold: true,
      disks: [{ serial: 'state', path: image, access: 'overlay' }],
    });
    await machine.run(PREPARE, COMMAND);
    const memoryBefore = await say(machine, 'sed -n "s/^MemTotal: *//p" /proc/meminfo');

    // 6.1, with nothing mounted that a panic kernel could reach.
    assert.match(await say(machine, 'khop guard on'), /report +on no disk: .*; in memory, with the kernel/);
    assert.match((await crash(machine)).release, /^6\.1\./);
    assert.match(await say(machine, 'cat /proc/cmdline'), / khop\.guard=[0-9a-f]{16},1,\d+/);
    assert.match(await say(machine, 'khop arrive'), /crashed: crash asked for through sysrq/);
    assert.match(await say(machine, 'khop crashes show last'), /report goes home in memory/);
    assert.match(await say(machine, `cat ${STATE}/crashes/*/dmesg.txt`), /sysrq: Trigger a crash/);
    assert.match(await say(machine, 'khop history'), /crash .*crash asked for.*came home by kexec/);
    const memoryAfter = await say(machine, 'sed -n "s/^MemTotal: *//p" /proc/meminfo');
    assert.ok(Math.abs(Number.parseInt(memoryBefore, 10) - Number.parseInt(memoryAfter, 10)) < 2048);

    // 6.12, seen well after a switch, with its state on a disk; reports still go home in memory only.
    await machine.run(MOUNT, COMMAND);
    const there = await hop(machine, `khop switch ${kernelWords('6.12')} --yes`);
    assert.match(there.release, /^6\.12\./);
    await machine.run(`${PREPARE}\n${MOUNT}\nkhop arrive`, COMMAND);
    for (const returns of [1, 2]) {
      await machine.run(`cp -r ${STATE} /kept; umount ${STATE}; cp -r /kept/* ${STATE}`, COMMAND);
      assert.match(await say(machine, 'khop guard on'), /home +.*6\.12.*, without the firmware/);
      assert.match((await crash(machine)).release, /^6\.12\./);
      assert.match(await say(machine, 'cat /proc/cmdline'), new RegExp(` khop\\.guard=\\w+,${returns},`));
      assert.match(await say(machine, `${MOUNT}\nkhop arrive`), /crashed: crash asked for through sysrq/);
    }
    assert.match(
      await say(machine, 'khop guard on'),
      /loop +6\.12\.\S+ died 2 times within 60 min[^]*home +.*6\.1\..*because of the loop/,
    );
    assert.match(await say(machine, 'khop guard status'), /armed[^]*because of the loop/);
    assert.match((await crash(machine)).release, /^6\.1\./);
    await machine.run(`${MOUNT}\nkhop arrive`, COMMAND);
    assert.equal((await say(machine, `ls ${STATE}/crashes | grep -c "6\\.12"`)).trim(), '3');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

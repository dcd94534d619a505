/**
 * Debian's arm64 kernels in an emulated machine with a device tree: switches, and the ways home of a kernel on trial.
 * They have no kexec_file_load, so everything goes by segments.
 * @module
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { GuestHello } from '../../src/lab/agent-channel.ts';
import { writeExt4Image } from '../../src/lab/ext4-image.ts';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { type Hardware, hop, kernelWords, readHardware } from './switching.ts';

const LIMIT = { timeout: 900_000 };
/** This processor is emulated by another one, and takes its time. */
const COMMAND = { timeoutMs: 300_000 };
const HOP_TIMEOUT_MS = 300_000;
const MACHINE = { kernel: '6.1', flavour: 'arm64', cpus: 2 } as const;
/** On a machine without a boot loader, a watchdog and systemd. */
const NOT_COVERED = ['early-panic', 'dead-hang', 'no-network', 'unhealthy', 'power-loss', 'fallback'];
/** From the start of the kernel on trial: nobody answers for it, as the agent is a unit of systemd. */
const DEADLINE_SECONDS = 60;

async function say(machine: VirtualMachine, script: string): Promise<string> {
  return (await machine.run(script, COMMAND)).stdout.trim();
}

/** Kernels differ in what memory they keep for themselves. */
function assertSameHardware(after: Hardware, before: Hardware): void {
  assert.equal(after.cpus, before.cpus);
  assert.ok(
    Math.abs(after.memoryKib - before.memoryKib) < 64 * 1024,
    `${before.memoryKib} -> ${after.memoryKib} KiB`,
  );
}

test(
  'arm64 kernels follow each other, with all CPUs, all memory and the same device tree',
  LIMIT,
  async () => {
    await using machine = await startSmallMachine(MACHINE);
    const readTree = async (): Promise<string> =>
      await say(machine, 'cd /proc/device-tree && cat compatible model && find . -name "*@*" | sort');
    const [before, tree] = [await readHardware(machine), await readTree()];
    assert.equal(before.cpus, 2);
    assert.match(tree, /dummy-virt/);
    for (const line of ['6.12', '7.2', '6.1'] as const) {
      const words = `khop switch ${kernelWords(line)} --now --no-trial --yes`;
      const hello = await hop(machine, words, HOP_TIMEOUT_MS);
      assert.ok(hello.release.startsWith(`${line}.`), `${hello.release} is not ${line}`);
      assert.match(await say(machine, 'cat /proc/cmdline'), /^console=ttyAMA0 khop\.switch=[0-9a-f]{16}$/);
      assertSameHardware(await readHardware(machine), before);
      assert.equal(await readTree(), tree);
    }
    const refused = await machine.exec(`khop load ${kernelWords('6.12')} --method file`, COMMAND);
    assert.equal(refused.status, 3);
    assert.match(refused.stderr, /does not offer kexec_file_load/);
  },
);

test(
  'a GICv3 whose tables nobody keeps for the next kernel is refused, unless it is told to have none',
  LIMIT,
  async () => {
    const withGicV3 = { ...MACHINE, isCold: true, extraArguments: ['-machine', 'gic-version=3'] };
    for (const [kernelArguments, expected] of [
      [undefined, /REFUSE gic-lpi-tables/],
      ['irqchip.gicv3_nolpi=1', /Can go by kexec_load/],
    ] as const) {
      await using machine = await startSmallMachine({ ...withGicV3, kernelArguments });
      const { stdout } = await machine.exec(`khop check ${kernelWords('6.12')}`, COMMAND);
      assert.match(stdout, expected);
    }
  },
);

/** Leaves 6.1 for 6.12, whose first act has armed both ways home when it answers. */
async function enterTrial(machine: VirtualMachine): Promise<GuestHello> {
  const accepted = NOT_COVERED.map((name) => `--accept ${name}`).join(' ');
  const words = `khop switch 6.12 --trial --deadline ${DEADLINE_SECONDS} ${accepted} --yes --now`;
  const hello = await hop(machine, words, HOP_TIMEOUT_MS);
  assert.match(hello.release, /^6\.12\./);
  const log = await say(machine, 'dmesg | grep khop:');
  const loaded = await say(machine, 'cat /sys/kernel/kexec_crash_loaded /sys/kernel/kexec_loaded');
  assert.equal(loaded, '1\n1', log);
  assert.doesNotMatch(log, /errno/);
  return hello;
}

/** Waits until the machine is home, and says by which command line. */
async function comeHome(machine: VirtualMachine, trial: GuestHello): Promise<string> {
  const home = await machine.waitForNewKernel(trial.bootId, HOP_TIMEOUT_MS);
  assert.match(home.release, /^6\.1\./);
  return await say(machine, 'cat /proc/cmdline');
}

test(
  'an arm64 kernel on trial comes home without firmware, when nobody answers and when it panics',
  LIMIT,
  async () => {
    await using machine = await startSmallMachine({ ...MACHINE, memoryMib: 1536 });
    const before = await readHardware(machine);
    const lines: string[] = [];
    machine.console.onLine((line) => lines.push(line));

    const silent = await enterTrial(machine);
    assert.match(await comeHome(machine, silent), /khop\.home=[0-9a-f]{16}/);
    assert.ok(lines.some((line) => line.includes(`nobody answered until ms ${DEADLINE_SECONDS * 1000}`)));
    assertSameHardware(await readHardware(machine), before);

    const dying = await enterTrial(machine);
    await machine.start('echo c >/proc/sysrq-trigger');
    assert.match(await comeHome(machine, dying), /khop\.guard=[0-9a-f]{16},/);
    assert.ok(lines.some((line) => line.includes('Kernel panic - not syncing: sysrq triggered crash')));
    assert.ok(lines.some((line) => /khop: leave-kexec \d+/.test(line)));
    assertSameHardware(await readHardware(machine), before);
  },
);

const STATE = '/var/lib/khop';
/** As after every start of a kernel: the initramfs is new. */
const PREPARE = [
  `mkdir -p ${STATE}`,
  'touch /lib/modules/$(uname -r)/modules.builtin',
  `mount /dev/$(grep -l target /sys/block/vd*/serial | cut -d/ -f4) ${STATE}`,
].join('\n');

test(
  'an arm64 machine is home after a panic on its second CPU, without firmware and with a report',
  LIMIT,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'khop-arm64-'));
    try {
      const [empty, target] = [join(folder, 'empty'), join(folder, 'target.img')];
      mkdirSync(empty);
      await writeExt4Image(empty, target, { label: 'target', spareMib: 64, sizeMib: 64, hasJournal: true });
      await using machine = await startSmallMachine({
        ...MACHINE,
        isCold: true,
        kernelArguments: 'crashkernel=256M',
        disks: [{ serial: 'target', path: target, access: 'overlay' }],
      });
      const before = await readHardware(machine);
      await machine.run(PREPARE, COMMAND);
      assert.match(
        await say(machine, 'khop guard on --deadline 60'),
        /home +Linux 6\.1\.\S+, without the firmware$/m,
      );
      await hop(machine, 'taskset 2 sh -c "echo c >/proc/sysrq-trigger"', HOP_TIMEOUT_MS);
      await machine.run(PREPARE, COMMAND);
      assert.match(await say(machine, 'khop arrive'), /on CPU 1\. Its report: khop crashes show/);
      assert.match(
        await say(machine, 'khop crashes show last'),
        /^panic +Kernel panic - not syncing: sysrq triggered crash$/m,
      );
      assert.match(
        await say(machine, `cat ${STATE}/crashes/*/chain.txt`),
        /^report \d+\nleave-kexec \d+\nhome \d+ kexec$/m,
      );
      assertSameHardware(await readHardware(machine), before);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

/**
 * The first act of a kernel on trial, in a machine: 6.1 is the known-good kernel, 6.12 the one on trial.
 * @module
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { parseCpio } from '../../src/formats/cpio.ts';
import { parseElf, SEGMENT_TYPES } from '../../src/formats/elf.ts';
import { readElfNotes } from '../../src/formats/elf-notes.ts';
import { joinBytes } from '../../src/formats/join-bytes.ts';
import type { NamedBytes } from '../../src/formats/named-bytes.ts';
import { collectModules } from '../../src/kernels/kernel-modules.ts';
import { labKernel } from '../../src/lab/kernel-store.ts';
import { smallInitramfs } from '../../src/lab/small-initramfs.ts';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import type { MachineFacts } from '../../src/machine/facts.ts';
import { GUARDIAN } from '../../src/machine/guardian-words.ts';
import { readMachine } from '../../src/machine/read-machine.ts';
import type { FileLoadPlan, KexecSlot, LoadPlan } from '../../src/plan/load-plan.ts';
import { planLoad } from '../../src/plan/plan-load.ts';
import type { FirstActOrder } from '../../src/plan/trial/first-act-order.ts';
import { trialArchive } from '../../src/plan/trial/trial-archive.ts';
import { healthyKernel } from '../support/preflight-input.ts';
import { COMMAND, hop } from '../vm/switching.ts';

const LIMIT = { timeout: 900_000 };
/** A kernel that moves itself may choose the very memory that is to be reserved, whichever that is. */
const RESERVATION = 'crashkernel=192M@512M nokaslr';
const MACHINE = {
  kernel: '6.1',
  kernelsToHopTo: ['6.1', '6.12'],
  memoryMib: 1024,
  kernelArguments: RESERVATION,
  isCold: true,
} as const;
/** __START_KERNEL_map. */
const IMAGE_MAP = 0xffff_ffff_8000_0000n;
/** The trial's agent answers before, however slow the machine is. */
const BOOT_DEADLINE_MS = 90_000;
/** From a deadline until the kernel that is home answers. */
const HOME_TIMEOUT_MS = 240_000;

const COMMAND_LINES = {
  crash: 'console=ttyS0 nr_cpus=1 reset_devices after=panic',
  normal: `console=ttyS0 ${RESERVATION} after=home`,
} as const;

async function knownGood(): Promise<{ image: NamedBytes; initrd: NamedBytes }> {
  const kernel = await labKernel('6.1');
  const named = async (path: string) => ({ name: path, path: undefined, bytes: await readFile(path) });
  return { image: await named(kernel.image), initrd: await named(await smallInitramfs(kernel)) };
}

/** Both ways to 6.1 by kexec_file_load. */
async function filePlan(slot: KexecSlot): Promise<FileLoadPlan> {
  return {
    ...{ version: 1, architecture: 'x86-64', method: 'file', slot, reason: '', memoryMap: [], notes: [] },
    kernel: { id: '', title: '', release: undefined, image: '' },
    commandLine: COMMAND_LINES[slot],
    ...(await knownGood()),
    flags: slot === 'crash' ? 2 : 0,
    optionalFlags: 0,
  };
}

/** Both by kexec_load, planned for what `machine` is. */
async function segmentsPlan(machine: MachineFacts, slot: KexecSlot): Promise<LoadPlan> {
  const { image, initrd } = await knownGood();
  return planLoad({
    ...{ kernel: healthyKernel(), image, initrds: [initrd], deviceTree: undefined, machine, slot },
    ...{ commandLine: COMMAND_LINES[slot], method: 'segments', entropy: randomBytes(256) },
  });
}

/** What a plan is made from, read on this side. */
async function readFacts(machine: VirtualMachine): Promise<MachineFacts> {
  const script = `
    for file in /proc/iomem /proc/cmdline /proc/cpuinfo /proc/meminfo /proc/sys/kernel/arch \\
        /proc/sys/kernel/osrelease /sys/kernel/vmcoreinfo /sys/kernel/boot_params/data \\
        /sys/firmware/memmap/*/* /sys/devices/system/cpu/cpu*/crash_notes*; do
      mkdir -p "/tmp/facts\${file%/*}" && cat "$file" >"/tmp/facts$file"
    done
    cd /tmp/facts && find . -type f | cpio -o -H newc >/tmp/facts.cpio`;
  await machine.run(script, COMMAND);
  const folder = mkdtempSync(join(tmpdir(), 'khop-facts-'));
  try {
    for (const { name, bytes } of parseCpio((await machine.copyOut('/tmp/facts.cpio')).bytes).entries) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), bytes);
    }
    return readMachine(folder, { architecture: 'x86-64' });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function say(machine: VirtualMachine, script: string): Promise<string> {
  return (await machine.run(script, COMMAND)).stdout.trim();
}

/** Switches into 6.12 with the first act of `order`. */
async function enterTrial(
  machine: VirtualMachine,
  order: Pick<FirstActOrder, 'crash' | 'home' | 'watchdog' | 'deadlineMs'>,
): Promise<void> {
  const { pieces } = trialArchive({
    architecture: 'x86-64',
    init: '/init',
    bootDeadlineMs: BOOT_DEADLINE_MS,
    wayHomeMs: BOOT_DEADLINE_MS,
    ...order,
  });
  await machine.copyIn(joinBytes(pieces), '/tmp/trial.cpio');
  const hello = await hop(
    machine,
    `khop switch $(ls /boot/vmlinuz-6.12.*) --initrd $(ls /boot/initrd.img-6.12.*) --initrd /tmp/trial.cpio \\
       --command-line 'rdinit=/khop/first console=ttyS0 ${RESERVATION} panic=5' --now --yes`,
  );
  assert.match(hello.release, /^6\.12\./);
}

/** The guardian as the agent of a trial finds it. */
const FIND_GUARDIAN = `grep -lx ${GUARDIAN.comm} /proc/[0-9]*/comm | sed 's,/proc/,,; s,/comm,,'`;

function signal(name: keyof typeof GUARDIAN.signals): string {
  return `kill -${GUARDIAN.signals[name]} $(${FIND_GUARDIAN})`;
}

async function expectPrepared(machine: VirtualMachine): Promise<void> {
  const log = await say(machine, 'dmesg | grep khop:');
  assert.equal(
    await say(machine, 'cat /sys/kernel/kexec_crash_loaded /sys/kernel/kexec_loaded'),
    '1\n1',
    log,
  );
  assert.match(
    await say(machine, `tr '\\0' '\\n' </proc/$(${FIND_GUARDIAN})/cmdline`),
    /^@khop-guardian\n*$/,
  );
  assert.equal(
    await say(machine, `cat /proc/$(${FIND_GUARDIAN})/oom_score_adj /proc/1/oom_score_adj`),
    '-1000\n0',
  );
  assert.equal(
    await say(machine, 'ls -d /init /khop 2>/dev/null; grep -c khop /proc/mounts || true'),
    '/init\n0',
  );
  assert.doesNotMatch(log, /errno/);
}

/** Waits until the machine comes home by itself. */
async function expectHome(machine: VirtualMachine): Promise<void> {
  const { bootId } = await machine.waitForHello(1000);
  const hello = await machine.waitForNewKernel(bootId, HOME_TIMEOUT_MS);
  assert.match(hello.release, /^6\.1\./);
  assert.match(await say(machine, 'cat /proc/cmdline'), /after=home/);
}

test(
  'a trial that nobody confirms comes home by itself, and a crash goes to the panic kernel',
  LIMIT,
  async () => {
    await using machine = await startSmallMachine({ ...MACHINE, extraArguments: ['-device', 'i6300esb'] });
    const modules = await collectModules((await labKernel('6.12')).modules, ['i6300esb']);
    const order = {
      crash: await filePlan('crash'),
      home: await filePlan('normal'),
      watchdog: {
        modules: modules.map(({ name, bytes }) => ({ name, bytes, parameters: '' })),
        device: '/dev/watchdog0',
        timeoutSeconds: 60,
        leaveSeconds: 180,
      },
      deadlineMs: BOOT_DEADLINE_MS + 40_000,
    };
    const lines: string[] = [];
    machine.console.onLine((line) => lines.push(line));
    const watchdog = 'cd /sys/class/watchdog/watchdog0 && cat state timeout';

    await enterTrial(machine, order);
    await expectPrepared(machine);
    assert.equal(await say(machine, watchdog), 'active\n60');
    await expectHome(machine);
    assert.ok(lines.some((line) => line.includes(`nobody answered until ms ${BOOT_DEADLINE_MS}`)));
    assert.ok(lines.some((line) => line.includes('make file systems read-only: done')));

    await enterTrial(machine, order);
    await say(machine, signal('checkedIn'));
    await expectHome(machine);
    assert.ok(lines.some((line) => line.includes(`nobody answered until ms ${order.deadlineMs}`)));

    await enterTrial(machine, order);
    await say(machine, signal('confirmed'));
    assert.equal(
      await say(machine, `while [ -n "$(${FIND_GUARDIAN})" ]; do sleep 0.1; done; ${watchdog}`),
      'inactive\n60',
    );
    await hop(machine, 'echo c >/proc/sysrq-trigger');
    assert.match(await say(machine, 'cat /proc/cmdline; ls /proc/vmcore'), /after=panic[^]*vmcore/);
  },
);

test('segments that were planned before the trial work in it, the header of a dump too', LIMIT, async () => {
  await using machine = await startSmallMachine({ ...MACHINE, cpus: 2 });
  const facts = await readFacts(machine);
  const order = {
    crash: await segmentsPlan(facts, 'crash'),
    home: await segmentsPlan(facts, 'normal'),
    watchdog: undefined,
    deadlineMs: BOOT_DEADLINE_MS,
  };
  await enterTrial(machine, order);
  await expectPrepared(machine);
  await expectHome(machine);
  assert.equal(await say(machine, 'nproc'), '2');

  await enterTrial(machine, order);
  const release = await say(machine, 'uname -r');
  await hop(machine, 'echo c >/proc/sysrq-trigger');
  assert.match(await say(machine, 'cat /proc/cmdline'), /after=panic .*elfcorehdr=0x[0-9a-f]+/);
  await machine.run('head -c 65536 /proc/vmcore >/tmp/head', COMMAND);
  const head = (await machine.copyOut('/tmp/head')).bytes;
  const { programHeaders } = parseElf(head);
  const note = programHeaders.find(({ type }) => type === SEGMENT_TYPES.note);
  assert.ok(note !== undefined);
  const start = Number(note.offset);
  const notes = readElfNotes(head.subarray(start, start + Number(note.fileSize)));
  assert.equal(notes.filter(({ name }) => name === 'CORE').length, 2);
  const info = Buffer.from(notes.find(({ name }) => name === 'VMCOREINFO')?.description ?? []).toString(
    'latin1',
  );
  // That of the kernel on trial: the planned address is where another kernel had its own.
  assert.ok(info.startsWith(`OSRELEASE=${release}\n`));
  const base = /^NUMBER\(phys_base\)=(-?\d+)$/m.exec(info)?.[1];
  const image = programHeaders.find(({ virtualAddress }) => virtualAddress >= IMAGE_MAP);
  assert.equal(image?.physicalAddress, (image?.virtualAddress ?? 0n) - IMAGE_MAP + BigInt(base ?? 0));
});

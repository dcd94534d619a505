import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeExt4Image } from '../../src/lab/ext4-image.ts';
import type { LabDisk } from '../../src/lab/qemu.ts';
import { machineFiles } from '../../src/lab/qemu.ts';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { COMMAND, type Hardware, readHardware } from '../vm/switching.ts';

const LIMIT = { timeout: 900_000 };
const HOME_TIMEOUT_MS = 180_000;
const RESERVED = 'crashkernel=160M';
/** What was prepared is on the disk too, so that it is prepared once. */
const MOUNT = `mkdir -p /var/lib/khop /var/cache/khop && mount-tool state /var/lib/khop &&
  mount -o remount,rw /var/lib/khop && mkdir -p /var/lib/khop/cache && mount --bind /var/lib/khop/cache /var/cache/khop`;
/** Unpacking a kernel and its initrd in an emulated machine takes its time. */
const PREPARE = { timeoutMs: 400_000 };
/** Records of this level are for the log alone while the kernel lives. */
const DEBUG = 7;

/** A disk that outlives the crash, as the one with /var/lib does. */
async function stateDisk(): Promise<{ readonly disk: LabDisk } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), 'khop-state-disk-'));
  await mkdir(join(folder, 'empty'));
  const path = join(folder, 'state.img');
  await writeExt4Image(join(folder, 'empty'), path, {
    label: 'state',
    spareMib: 0,
    sizeMib: 512,
    hasJournal: true,
  });
  return {
    disk: { serial: 'state', path, access: 'overlay' },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

interface Status {
  readonly state: string;
  readonly problems: readonly string[];
}

/** What `khop guard status` says, its exit status checked too. */
async function guardStatus(machine: VirtualMachine): Promise<Status> {
  const { stdout, status } = await machine.exec('khop guard status --json', COMMAND);
  const answer = JSON.parse(stdout) as Status;
  assert.equal(status, answer.state === 'not-armed' ? 3 : 0);
  return answer;
}

async function assertNotArmed(machine: VirtualMachine, problem: RegExp): Promise<void> {
  const { state, problems } = await guardStatus(machine);
  assert.equal(state, 'not-armed');
  assert.match(problems.join('\n'), problem);
}

async function rearm(machine: VirtualMachine): Promise<void> {
  await machine.run('khop guard rearm', PREPARE);
  assert.deepEqual(await guardStatus(machine).then(({ state, problems }) => [state, problems]), [
    'armed',
    [],
  ]);
}

/** Crashes on that CPU, and waits for the kernel that comes home, with the disk mounted. */
async function crash(machine: VirtualMachine, cpu: number): Promise<void> {
  const { bootId } = await machine.waitForHello(1000);
  await machine.start(`taskset ${1 << cpu} sh -c 'echo c >/proc/sysrq-trigger'`);
  await machine.waitForNewKernel(bootId, HOME_TIMEOUT_MS);
  await machine.run(`${MOUNT} && khop arrive`, COMMAND);
}

/** Memory differs a little with the place of the reservation. */
function assertSameHardware(after: Hardware, before: Hardware): void {
  assert.deepEqual({ ...after, memoryKib: 0 }, { ...before, memoryKib: 0 });
  assert.ok(Math.abs(after.memoryKib - before.memoryKib) < 32 * 1024, `${after.memoryKib} KiB are left`);
}

const RECORD = /^<(?<priority>\d+)>(?<line>\[ *\d+\.\d{6}\] .*)$/;

/** The emulated UART sends a character twice now and then, when the host is busy. */
function withoutDoubles(line: string): string {
  return line.replaceAll(/(.)\1+/g, '$1');
}

/** The log of the report is what the console said until the panic kernel began to speak. */
async function assertLogIsThatOfConsole(machine: VirtualMachine): Promise<void> {
  const log = (await machine.run('cat /var/lib/khop/crashes/*/dmesg.txt', COMMAND)).stdout;
  const shown = log.split('\n').flatMap((text) => {
    const { priority, line } = RECORD.exec(text)?.groups ?? {};
    return line === undefined || Number(priority) % 8 >= DEBUG ? [] : [line.trimEnd()];
  });
  const console = (await readFile(machineFiles(machine.folder).consoleLog, 'latin1')).replaceAll('\r', '');
  const [said = ''] = console.split(/^\[ +0\.000000\] Linux version/m);
  const lines = said.split('\n').flatMap((line) => (/^\[ *\d+\.\d{6}\] /.test(line) ? [line.trimEnd()] : []));
  assert.ok(lines.length > 10, 'the console said nothing of a crash');
  assert.ok(lines.some((line) => line.includes('Kernel panic - not syncing')));
  assert.deepEqual(shown.slice(-lines.length).map(withoutDoubles), lines.map(withoutDoubles));
}

test(
  'after a panic the machine is back with all it had, or says why it took the way through the firmware; guard status tells the truth',
  LIMIT,
  async () => {
    await using state = await stateDisk();
    await using machine = await startSmallMachine({
      kernel: '6.1',
      cpus: 2,
      kernelArguments: RESERVED,
      disks: [state.disk],
    });
    const before = await readHardware(machine);
    // /boot of the lab cannot be written to; a copy of this kernel's part of it can.
    await machine.run(
      `${MOUNT}; mkdir /run/boot && cp /boot/*-$(uname -r) /run/boot && mount --bind /run/boot /tool/boot`,
      COMMAND,
    );
    assert.equal((await guardStatus(machine)).state, 'off');
    await machine.run('khop guard on', PREPARE);
    assert.deepEqual((await guardStatus(machine)).state, 'armed');

    await machine.run('khop unload --panic', COMMAND);
    await assertNotArmed(machine, /no panic kernel is loaded/);
    await rearm(machine);
    await machine.run('khop load --panic /boot/vmlinuz-* --reuse-cmdline', COMMAND);
    await assertNotArmed(machine, /loaded by khop load after/);
    await rearm(machine);
    await machine.run(
      'cp /boot/vmlinuz-* /run; for image in /boot/vmlinuz-*; do echo >>$image; done',
      COMMAND,
    );
    await assertNotArmed(machine, /vmlinuz-6\.1\S* has changed since/);
    await machine.run('mv /run/vmlinuz-* /boot', COMMAND);
    assert.equal((await guardStatus(machine)).state, 'armed');

    await crash(machine, 0);
    assertSameHardware(await readHardware(machine), before);
    assert.match((await machine.run('cat /proc/cmdline', COMMAND)).stdout, / khop\.guard=[0-9a-f]{16}/);
    await assertLogIsThatOfConsole(machine);
    const report = await machine.run('khop crashes show last --json', COMMAND);
    assert.equal(JSON.parse(report.stdout).outcome, 'home-by-kexec');

    await machine.run('khop guard rearm', PREPARE);
    await crash(machine, 1);
    assertSameHardware(await readHardware(machine), before);
    const { stdout } = await machine.run('khop crashes show last --json; khop crashes show last', COMMAND);
    assert.match(stdout, /"outcome": "home-by-firmware"/);
    assert.match(stdout, /firmware/);
    assert.match(
      await readFile(machineFiles(machine.folder).consoleLog, 'latin1'),
      /khop: the panic was not on the boot processor, so no kernel goes home from here/,
    );
  },
);

test('after a panic under UEFI the machine is back with all it had', LIMIT, async () => {
  await using state = await stateDisk();
  await using machine = await startSmallMachine({
    kernel: '6.12',
    firmware: 'ovmf',
    cpus: 2,
    kernelArguments: RESERVED,
    disks: [state.disk],
  });
  const before = await readHardware(machine);
  await machine.run(`${MOUNT} && khop guard on`, PREPARE);
  await crash(machine, 0);
  assertSameHardware(await readHardware(machine), before);
  await assertLogIsThatOfConsole(machine);
  assert.match(
    (await machine.run('khop crashes show last --json', COMMAND)).stdout,
    /"outcome": "home-by-kexec"/,
  );
});

test('a reservation above 4 GiB, with a little below it, is one', LIMIT, async () => {
  await using state = await stateDisk();
  await using machine = await startSmallMachine({
    kernel: '6.1',
    memoryMib: 6144,
    kernelArguments: 'crashkernel=192M,high crashkernel=72M,low',
    disks: [state.disk],
  });
  const before = await readHardware(machine);
  const reserved = (await machine.run('grep "Crash kernel" /proc/iomem', COMMAND)).stdout;
  assert.match(reserved, /^ *[0-9a-f]{8}-[^\n]*\n *[0-9a-f]{9,}-[^\n]*\n$/, 'one below 4 GiB and one above');
  await machine.run(`${MOUNT} && khop guard on`, PREPARE);
  await crash(machine, 0);
  assertSameHardware(await readHardware(machine), before);
  assert.match(
    (await machine.run('khop crashes show last --json', COMMAND)).stdout,
    /"outcome": "home-by-kexec"/,
  );
});

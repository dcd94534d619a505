/**
 * The guard's mode `continue`: in small machines with each kernel, and on a full Debian with systemd, GRUB and ext4, from
 * the installed package, with what a client outside sees of it.
 * @module
 */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { CrashReport } from '../../src/guard/crash-report.ts';
import { startFromCheckpoint } from '../../src/lab/checkpoint.ts';
import { writeExt4Image } from '../../src/lab/ext4-image.ts';
import { describeFullMachine, waitForSystem } from '../../src/lab/full-machine.ts';
import { prepareGuest, whenPrepared } from '../../src/lab/guest-preparation.ts';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import {
  type Downtime,
  installService,
  measureDowntime,
  SERVICE_NETWORK,
  waitForAnswer,
} from '../../tools/bench/answering-service.ts';
import { packKhop } from '../../tools/bench/guard-methods.ts';
import { processCpuMs } from '../../tools/bench/process-time.ts';
import { INSTALLED } from '../vm/built-package.ts';
import { COMMAND, type Hardware, hop, readHardware } from '../vm/switching.ts';

const LIMIT = { timeout: 2_400_000 };
const AWAY_TIMEOUT_MS = 300_000;
const ANSWER_TIMEOUT_MS = 30_000;
/** The report is read out of /proc/vmcore by an emulated processor. */
const RUN = { timeoutMs: 300_000 };
/** A kernel and its initramfs are unpacked by an emulated processor. */
const PREPARE = { timeoutMs: 600_000 };
const CONTINUE = /khop\.continue=[0-9a-f]{16}/;

/** What outlives the crash, as the disk with /var does; what was prepared is there too. */
const MOUNT = `mkdir -p /var/lib/khop /var/cache/khop && mount-khop && mount-tool state /var/lib/khop &&
  mount -o remount,rw /var/lib/khop && mkdir -p /var/lib/khop/cache && mount --bind /var/lib/khop/cache /var/cache/khop`;

for (const kernel of ['6.1', '6.12', '7.2'] as const)
  test(
    `a small machine with ${kernel} goes on in its reservation, and leaves it for all memory`,
    LIMIT,
    async (context) => {
      const folder = await mkdtemp(join(tmpdir(), 'khop-state-disk-'));
      try {
        const [empty, disk] = [join(folder, 'empty'), join(folder, 'state.img')];
        await mkdir(empty);
        await writeExt4Image(empty, disk, { label: 'state', spareMib: 0, sizeMib: 512, hasJournal: true });
        await using machine = await startSmallMachine({
          kernel,
          cpus: 2,
          kernelArguments: 'crashkernel=400M',
          disks: [{ serial: 'state', path: disk, access: 'overlay' }],
        });
        const before = await readHardware(machine);
        await machine.run(`${MOUNT} && khop guard on --mode continue`, PREPARE);

        let panicMs = Number.NaN;
        machine.console.onLine((line) => {
          if (/Kernel panic/.test(line)) panicMs = performance.now();
        });
        await hop(machine, 'exec taskset 1 khop guard test --yes --json 2>/dev/null');
        assert.equal(JSON.parse(await machine.readOutput()).crashing, true);
        const answersAfter = ((performance.now() - panicMs) / 1000).toFixed(1);
        context.diagnostic(`panic: the agent answers after ${answersAfter} s`);
        await machine.run(`${MOUNT} && khop arrive`, RUN);
        const { cpus, memoryKib } = await readHardware(machine);
        assert.equal(cpus, 1);
        assert.ok(memoryKib < 400 * 1024, `${memoryKib} KiB`);
        const { stdout, status } = await machine.exec('khop guard status --json', RUN);
        assert.equal(status, 3);
        const { state, continuing } = JSON.parse(stdout);
        assert.deepEqual([state, continuing.homeObstacle], ['continuing', null]);
        const there = await reportOf(machine);
        context.diagnostic(stepsOf(there));
        assert.deepEqual([there.outcome, there.id, there.gaps], ['continued', continuing.crash, []]);
        assert.match(there.panicLine, /sysrq triggered crash/);

        await hop(machine, 'khop guard leave --yes');
        assert.match((await machine.run('cat /proc/cmdline', COMMAND)).stdout, / khop\.guard=[0-9a-f]{16}/);
        assertSameHardware(await readHardware(machine), before);
        await machine.run(`${MOUNT} && khop arrive`, RUN);
        const { outcome, id } = await reportOf(machine);
        assert.deepEqual([outcome, id], ['home-by-kexec', there.id]);
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );

/** When what was done, on the panic kernel's clock. */
function stepsOf({ chain }: Pick<CrashReport, 'chain'>): string {
  return chain.map(({ step, ms }) => `${step} ${ms} ms`).join(', ');
}

async function reportOf(machine: VirtualMachine) {
  return JSON.parse((await machine.run('khop crashes show last --json', RUN)).stdout);
}

/** Runs the installed khop, or anything else without the lab's own PATH; any status except 0 is an error. */
async function run(machine: VirtualMachine, command: string): Promise<string> {
  return (await machine.run(`${INSTALLED} ${command}`, RUN)).stdout;
}

async function answerOf(machine: VirtualMachine, command: string) {
  return JSON.parse(await run(machine, command));
}

/** Exit status 3 is right there: a panic now would not be caught. */
async function statusThere(machine: VirtualMachine) {
  const { stdout, status } = await machine.exec(`${INSTALLED} khop guard status --json`, RUN);
  assert.equal(status, 3);
  return JSON.parse(stdout);
}

/** Leaves this kernel by `script`, and waits for an answer from the next one, then for all of its services. */
async function hopWithService(machine: VirtualMachine, port: number, script: string): Promise<Downtime> {
  const bootId = await waitForAnswer(port, ANSWER_TIMEOUT_MS);
  const readCpuMs = () => processCpuMs(machine.pid);
  const [downtime] = await Promise.all([
    measureDowntime({ port, bootId, readCpuMs }, AWAY_TIMEOUT_MS),
    hop(machine, `${INSTALLED} ${script}`, AWAY_TIMEOUT_MS),
  ]);
  await waitForSystem(machine);
  return downtime;
}

function tell(context: TestContext, what: string, { downtimeMs, cpuMs, uptimeMs }: Downtime): void {
  const seconds = (ms: number) => (ms / 1000).toFixed(1);
  context.diagnostic(
    `${what}: answers again after ${seconds(downtimeMs)} s (${seconds(cpuMs)} s of the host’s CPU), ${seconds(uptimeMs)} s of which are the new kernel’s`,
  );
}

/** Each start places the kernel anew, which costs or saves some pages. */
function assertSameHardware(after: Hardware, before: Hardware): void {
  assert.deepEqual({ ...after, memoryKib: 0 }, { ...before, memoryKib: 0 });
  const apart = Math.abs(after.memoryKib - before.memoryKib);
  assert.ok(apart <= 512, `${after.memoryKib} KiB, and ${before.memoryKib} before`);
}

/** Gives back what `khop guard status` says there, and tells how much memory there is and when the report was written. */
async function assertContinues(context: TestContext, machine: VirtualMachine, reservedKib: number) {
  assert.match((await machine.run('cat /proc/cmdline', COMMAND)).stdout, CONTINUE);
  assert.equal((await run(machine, 'systemctl is-active ssh.service')).trim(), 'active');
  const { cpus, memoryKib } = await readHardware(machine);
  assert.equal(cpus, 1);
  assert.ok(memoryKib < reservedKib, `${memoryKib} KiB of ${reservedKib} reserved`);
  const status = await statusThere(machine);
  assert.equal(status.state, 'continuing');
  const report = await answerOf(machine, 'khop crashes show last --json');
  assert.equal(report.id, status.continuing.crash);
  assert.equal(report.outcome, 'continued');
  assert.match(report.panicLine, /sysrq triggered crash/);
  assert.deepEqual(report.gaps, []);
  const [, mib] =
    /goes on in the memory of a panic kernel: (\d+) MiB, on 1 CPU/.exec(
      await run(machine, 'journalctl -u khop-arrive.service'),
    ) ?? [];
  assert.equal(Number(mib), memoryKib >> 10);
  const free = (await run(machine, "sed -n '/^MemAvailable/p' /proc/meminfo")).trim();
  context.diagnostic(`of ${reservedKib >> 10} MiB reserved ${mib} are there, ${free}; ${stepsOf(report)}`);
  return status.continuing;
}

/** As a person has it who installed the package and armed the guard. Made once, then each test starts from there. */
async function startArmed(): Promise<VirtualMachine> {
  const { madeWith, install } = await packKhop('khop guard on --mode continue', []);
  const description = await describeFullMachine({
    memoryMib: 2048,
    withoutKhop: true,
    extraArguments: SERVICE_NETWORK,
  });
  const machine = await startFromCheckpoint(description, {
    madeWith: { recipe: 1, ...madeWith },
    isReady: async (fresh) => {
      await waitForSystem(fresh);
      await prepareGuest(fresh, { hasKhop: false });
      await install(fresh);
      await assertArmed(fresh);
      await fresh.run('sync', RUN);
    },
  });
  return await whenPrepared(machine, { hasKhop: false });
}

async function assertArmed(machine: VirtualMachine): Promise<void> {
  const status = await answerOf(machine, 'khop guard status --json');
  assert.deepEqual([status.state, status.problems], ['armed', []]);
  assert.equal(status.record.mode, 'continue');
  assert.equal(status.record.homeObstacle, null);
}

async function outcomeOfLast(machine: VirtualMachine): Promise<string> {
  return (await answerOf(machine, 'khop crashes show last --json')).outcome;
}

/** The armed machine dies on that CPU, and goes on. */
async function startContinuing(context: TestContext, cpu: number) {
  const machine = await startArmed();
  try {
    const port = await installService(machine);
    const before = await readHardware(machine);
    const reservedKib = Number(await run(machine, 'cat /sys/kernel/kexec_crash_size')) / 1024;
    const death = `taskset -c ${cpu} khop guard test --yes`;
    tell(context, 'panic', await hopWithService(machine, port, death));
    const { homeObstacle } = await assertContinues(context, machine, reservedKib);
    return { machine, port, before, homeObstacle };
  } catch (cause) {
    await machine[Symbol.asyncDispose]();
    throw cause;
  }
}

test(
  'after a panic a Debian serves again from its reservation, and leaves it without the firmware',
  LIMIT,
  async (context) => {
    const { port, before, homeObstacle, ...started } = await startContinuing(context, 0);
    await using machine = started.machine;
    assert.equal(homeObstacle, null);
    await assert.rejects(run(machine, 'khop guard on --yes'), /khop guard leave/);

    const said = (await machine.readOutput()).length;
    tell(context, 'leave', await hopWithService(machine, port, 'khop guard leave --yes --json 2>/dev/null'));
    const left = JSON.parse((await machine.readOutput()).slice(said));
    assert.deepEqual([left.leaving, left.way, left.obstacle], [true, 'kexec', null]);
    assert.match((await machine.run('cat /proc/cmdline', COMMAND)).stdout, / khop\.guard=[0-9a-f]{16}/);
    assertSameHardware(await readHardware(machine), before);
    assert.equal(await outcomeOfLast(machine), 'home-by-kexec');
    await assertArmed(machine);
  },
);

test(
  'after a panic on the second CPU a Debian serves as well, and leaves through the firmware',
  LIMIT,
  async (context) => {
    const { port, before, homeObstacle, ...started } = await startContinuing(context, 1);
    await using machine = started.machine;
    assert.match(homeObstacle, /not on the processor that the firmware starts with/);

    tell(context, 'leave', await hopWithService(machine, port, 'khop guard leave --firmware --yes'));
    assert.doesNotMatch((await machine.run('cat /proc/cmdline', COMMAND)).stdout, /khop\./);
    assertSameHardware(await readHardware(machine), before);
    assert.equal(await outcomeOfLast(machine), 'home-by-firmware');
    await assertArmed(machine);
  },
);

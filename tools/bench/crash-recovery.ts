/**
 * From a panic to a report on disk, and to the known-good kernel with all of the machine: khop's guard and
 * Debian's kdump-tools, each as it comes, in the same full machine. Wall time of an emulated machine and the CPU
 * time of its emulator, so only ratios mean something.
 * @module
 */
import { renderMilliseconds } from '../../src/cli/render/quantity.ts';
import { KhopError } from '../../src/error.ts';
import { startFromCheckpoint } from '../../src/lab/checkpoint.ts';
import { describeFullMachine, waitForSystem } from '../../src/lab/full-machine.ts';
import { prepareGuest, whenPrepared } from '../../src/lab/guest-preparation.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { lossesSince, takeInventory } from '../chaos/guard/homecoming.ts';
import { type ConsoleLine, crashMoments } from './crash-moments.ts';
import type { GuardMethod, Parcel } from './guard-methods.ts';
import { processCpuMs } from './process-time.ts';
import type { RecoveryResult, RecoverySample } from './report.ts';

const COMMAND = { timeoutMs: 120_000 };
const HOME_TIMEOUT_MS = 400_000;
const MIB = 2 ** 20;
/** What a kernel keeps for itself differs from start to start by some hundred KiB; a CPU or a reservation is more. */
const TOLERANCE_KIB = 1024;

/** systemd then says its first line on the console, `quiet` or not. */
const SHOW_STATUS = '/etc/systemd/system.conf.d/khop-bench.conf';

/**
 * The kernel dies on the processor that the firmware started. What the guarded machine wrote before is on its
 * disk by then, so that nobody has a journal to replay that another one has not.
 */
const CRASH = 'sync; exec taskset -c 0 sh -c "echo c >/proc/sysrq-trigger"';

/**
 * One method `repetitions` times: what is known after each panic. When one fails, the last result says why, beside
 * the samples before it.
 */
export async function* measureRecovery(
  method: GuardMethod,
  repetitions: number,
  progress: (text: string) => void,
): AsyncGenerator<RecoveryResult> {
  const { id, title } = method;
  const parcel = await method.pack?.();
  let known: RecoveryResult = { id, title, samples: [] };
  for (let round = 1; round <= repetitions; round++) {
    const name = `panic, ${title}, ${round} of ${repetitions}`;
    try {
      await using machine = await startGuardedMachine(method, parcel);
      const reservedMib = await readReservation(machine);
      const sample = await measureOnce(machine, method);
      known = { ...known, reservedMib, samples: [...known.samples, sample] };
      progress(`${name}: ${describeSample(sample)}, ${reservedMib} MiB reserved`);
      yield known;
    } catch (cause) {
      if (!(cause instanceof KhopError)) throw cause;
      progress(`${name}: ${cause.message}`);
      yield { ...known, error: cause.message.split('\n')[0] ?? cause.code };
      return;
    }
  }
}

function describeSample({ capture, report, dump, home, ready }: RecoverySample): string {
  return Object.entries({ capture, report, dump, home, ready })
    .flatMap(([name, moment]) =>
      moment === undefined ? [] : [`${name} ${renderMilliseconds(moment.wallMs)}`],
    )
    .join(', ');
}

/** The machine with the method's tool installed and armed: made once, and the same for every panic. */
async function startGuardedMachine(
  { firmware, packages }: GuardMethod,
  parcel: Parcel | undefined,
): Promise<VirtualMachine> {
  const description = await describeFullMachine({ firmware, morePackages: packages, withoutKhop: true });
  const machine = await startFromCheckpoint(description, {
    madeWith: { recipe: 1, ...parcel?.madeWith },
    isReady: async (fresh) => {
      await waitForSystem(fresh);
      await prepareGuest(fresh, { hasKhop: false });
      await fresh.copyIn('[Manager]\nShowStatus=yes\n', SHOW_STATUS);
      await parcel?.install(fresh);
      await requireArmed(fresh);
      await fresh.run('sync', COMMAND);
    },
  });
  return await whenPrepared(machine, { hasKhop: false });
}

async function measureOnce(machine: VirtualMachine, method: GuardMethod): Promise<RecoverySample> {
  const { bootId } = await machine.waitForHello(COMMAND.timeoutMs);
  const before = await takeInventory(machine);
  const now = () => ({ wallMs: performance.now(), cpuMs: processCpuMs(machine.pid) });
  const lines: ConsoleLine[] = [];
  machine.console.onLine((text) => lines.push({ text, ...now() }));
  await machine.start(CRASH);
  await machine.waitForNewKernel(bootId, HOME_TIMEOUT_MS);
  await waitForSystem(machine);
  const ready = now();
  await requireArmed(machine);
  const losses = lossesSince(before, await takeInventory(machine), TOLERANCE_KIB);
  if (losses.length > 0)
    throw new KhopError('E_LAB', `at home the machine has ${losses.join(' and ')}`, {
      hint: 'The capture kernel did not give back everything; see the console.',
    });
  return { ...crashMoments(lines, ready, method.signs), savedBytes: await readSaved(machine, method.folder) };
}

/** @throws E_LAB when a panic now would not be caught */
async function requireArmed(machine: VirtualMachine): Promise<void> {
  await machine.run('grep -qx 1 /sys/kernel/kexec_crash_loaded', COMMAND);
}

async function readReservation(machine: VirtualMachine): Promise<number> {
  const { stdout } = await machine.run('cat /sys/kernel/kexec_crash_size', COMMAND);
  return Math.round(Number(stdout) / MIB);
}

/** Bytes of each file below `folder`, by its name without dates. */
async function readSaved(machine: VirtualMachine, folder: string): Promise<Record<string, number>> {
  const { stdout } = await machine.run(
    `find ${folder} -mindepth 2 -type f -printf '%s %f\\n' | sort -k 2`,
    COMMAND,
  );
  const files = stdout.trim().split('\n');
  return Object.fromEntries(
    files.map((line) => {
      const [bytes = '', name = ''] = line.split(' ');
      return [name.replace(/\.\d+$/, ''), Number(bytes)];
    }),
  );
}

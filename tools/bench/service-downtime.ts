/**
 * What a client outside sees of a switch: a full Debian machine with systemd, a service in it, and the time
 * between its last answer from the old kernel and its first one from the new. Wall time of an emulated
 * machine, so only ratios mean something; the methods take turns.
 * @module
 */
import { readFileSync } from 'node:fs';
import { KhopError } from '../../src/error.ts';
import { startFullMachine } from '../../src/lab/full-machine.ts';
import type { FirmwareKind } from '../../src/lab/ovmf.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { installService, measureDowntime, SERVICE_NETWORK, waitForAnswer } from './answering-service.ts';
import type { DowntimeResult, DowntimeSample } from './report.ts';
import { median, spread } from './statistics.ts';

const DOWNTIME_TIMEOUT_MS = 600_000;
const START_TIMEOUT_MS = 120_000;
/** An initramfs is unpacked in JavaScript on an emulated processor. */
const PREPARE_TIMEOUT_MS = 600_000;

/** One row: what is typed in the guest. All but the reboots load the running kernel's own files again. */
interface DowntimeMethod {
  readonly id: string;
  readonly title: string;
  readonly firmware: FirmwareKind;
  /** Run beforehand, while the service answers. */
  readonly prepare: string;
  /** Ends this kernel. */
  readonly leave: string;
}

const DOWNTIME_METHODS: readonly DowntimeMethod[] = [
  {
    id: 'khop-switch-fast',
    title: 'khop switch --fast',
    firmware: 'seabios',
    prepare: 'mount-khop && khop prepare $(uname -r)',
    leave: 'khop switch $(uname -r) --fast --yes',
  },
  {
    id: 'khop-switch',
    title: 'khop switch',
    firmware: 'seabios',
    prepare: 'mount-khop',
    leave: 'khop switch $(uname -r) --yes',
  },
  {
    id: 'systemctl-kexec',
    title: 'kexec -l, systemctl kexec',
    firmware: 'seabios',
    prepare: 'kexec-tools -l /boot/vmlinuz-$(uname -r) --initrd=/boot/initrd.img-$(uname -r) --reuse-cmdline',
    leave: 'systemctl kexec',
  },
  {
    id: 'reboot-seabios',
    title: 'systemctl reboot, SeaBIOS and GRUB',
    firmware: 'seabios',
    prepare: 'true',
    leave: 'systemctl reboot',
  },
  {
    id: 'reboot-ovmf',
    title: 'systemctl reboot, OVMF and GRUB',
    firmware: 'ovmf',
    prepare: 'true',
    leave: 'systemctl reboot',
  },
];

/** Every method `repetitions` times; one that fails says why. */
export async function measureServiceDowntime(
  repetitions: number,
  progress: (text: string) => void,
): Promise<DowntimeResult[]> {
  const rows = DOWNTIME_METHODS.map((method) => ({ method, samples: [] as DowntimeSample[], error: '' }));
  for (let round = 1; round <= repetitions; round++)
    for (const row of rows.filter(({ error }) => error === '')) {
      const name = `full machine, ${row.method.title}, ${round} of ${repetitions}`;
      try {
        const sample = await measureOnce(row.method);
        row.samples.push(sample);
        progress(`${name}: ${(sample.downtimeMs / 1000).toFixed(1)} s`);
      } catch (cause) {
        if (!(cause instanceof KhopError)) throw cause;
        row.error = cause.message.split('\n')[0] ?? cause.code;
        progress(`${name}: ${row.error}`);
      }
    }
  return rows.map(({ method: { id, title }, samples, error }) =>
    error === '' ? { id, title, samples, ...summarize(samples) } : { id, title, samples: [], error },
  );
}

function summarize(samples: readonly DowntimeSample[]): Pick<DowntimeResult, 'median' | 'spread'> {
  const downtimes = samples.map(({ downtimeMs }) => downtimeMs);
  return { median: median(downtimes), spread: spread(downtimes) };
}

async function measureOnce(method: DowntimeMethod): Promise<DowntimeSample> {
  await using machine = await startFullMachine({
    firmware: method.firmware,
    cpus: 1,
    extraArguments: SERVICE_NETWORK,
  });
  const port = await installService(machine);
  const before = await waitForAnswer(port, START_TIMEOUT_MS);
  await machine.run(method.prepare, { timeoutMs: PREPARE_TIMEOUT_MS });
  const readCpuMs = () => processCpuMs(machine.pid);
  const downtime = measureDowntime({ port, bootId: before, readCpuMs }, DOWNTIME_TIMEOUT_MS);
  await machine.start(method.leave);
  const { downtimeMs, cpuMs, uptimeMs } = await downtime;
  await machine.waitForNewKernel(before, DOWNTIME_TIMEOUT_MS);
  return {
    downtimeMs: Math.round(downtimeMs),
    cpuMs: Math.round(cpuMs),
    answerMs: Math.round(uptimeMs),
    ...(await readStartTimes(machine)),
  };
}

/** utime and stime, fields 14 and 15 of /proc/PID/stat (proc(5)), in ticks of USER_HZ, always 10 ms. */
function processCpuMs(pid: number): number {
  // The name of the program, field 2, may have spaces in it.
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** By the new kernel's own clock, which starts with it. */
async function readStartTimes(
  machine: VirtualMachine,
): Promise<Pick<DowntimeSample, 'initMs' | 'multiUserMs'>> {
  const { stdout } = await machine.run(
    `systemctl is-system-running --wait >/dev/null
     systemctl show --property=UserspaceTimestampMonotonic --property=FinishTimestampMonotonic`,
    { timeoutMs: DOWNTIME_TIMEOUT_MS },
  );
  const milliseconds = (name: string): number =>
    Math.round(Number(new RegExp(`^${name}=(\\d+)$`, 'm').exec(stdout)?.[1] ?? Number.NaN) / 1000);
  return {
    initMs: milliseconds('UserspaceTimestampMonotonic'),
    multiUserMs: milliseconds('FinishTimestampMonotonic'),
  };
}

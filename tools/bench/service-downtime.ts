/**
 * What a client outside sees of a switch: a full Debian machine with systemd, a service in it, and the time
 * between its last answer from the old kernel and its first one from the new. Wall time of an emulated
 * machine, so only ratios mean something.
 * @module
 */
import { KhopError } from '../../src/error.ts';
import { startFullMachine } from '../../src/lab/full-machine.ts';
import type { FirmwareKind } from '../../src/lab/ovmf.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { installService, measureDowntime, SERVICE_NETWORK, waitForAnswer } from './answering-service.ts';
import { processCpuMs } from './process-time.ts';
import type { DowntimeResult, DowntimeSample } from './report.ts';
import { median, spread } from './statistics.ts';

const DOWNTIME_TIMEOUT_MS = 600_000;
const START_TIMEOUT_MS = 120_000;
/** An initramfs is unpacked in JavaScript on an emulated processor. */
const PREPARE_TIMEOUT_MS = 600_000;

/** One row: what is typed in the guest. All but the reboots load the running kernel's own files again. */
export interface DowntimeMethod {
  readonly id: string;
  readonly title: string;
  readonly firmware: FirmwareKind;
  /** Run beforehand, while the service answers. */
  readonly prepare: string;
  /** Ends this kernel. */
  readonly leave: string;
}

/** In the order of the report. */
export const DOWNTIME_METHODS: readonly DowntimeMethod[] = [
  {
    id: 'khop-switch-fast',
    title: 'khop switch --fast',
    firmware: 'seabios',
    prepare: 'mount-khop && khop prepare $(uname -r)',
    leave: 'khop switch $(uname -r) --fast --no-trial --yes',
  },
  {
    id: 'khop-switch',
    title: 'khop switch',
    firmware: 'seabios',
    prepare: 'mount-khop',
    leave: 'khop switch $(uname -r) --no-trial --yes',
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

/** One method `repetitions` times; when it fails, the result says why. */
export async function measureServiceDowntime(
  method: DowntimeMethod,
  repetitions: number,
  progress: (text: string) => void,
): Promise<DowntimeResult> {
  const { id, title } = method;
  const samples: DowntimeSample[] = [];
  for (let round = 1; round <= repetitions; round++) {
    const name = `full machine, ${title}, ${round} of ${repetitions}`;
    try {
      const sample = await measureOnce(method);
      samples.push(sample);
      progress(`${name}: ${(sample.downtimeMs / 1000).toFixed(1)} s`);
    } catch (cause) {
      if (!(cause instanceof KhopError)) throw cause;
      const error = cause.message.split('\n')[0] ?? cause.code;
      progress(`${name}: ${error}`);
      return { id, title, samples: [], error };
    }
  }
  return { id, title, samples, ...summarize(samples) };
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

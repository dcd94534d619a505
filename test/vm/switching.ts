/**
 * What the virtual machine tests of switching share.
 * @module
 */
import type { GuestHello } from '../../src/lab/agent-channel.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';

/** Commands in an emulated machine. */
export const COMMAND = { timeoutMs: 120_000 };
/**
 * From the command until the new kernel's agent answers: two minutes where the old kernel checks a digest and the new one
 * unpacks itself in a machine with systemd, and the host may have half of its cores for it.
 */
const HOP_TIMEOUT_MS = 420_000;

/** What has to be the same on both sides of a switch. */
export interface Hardware {
  readonly cpus: number;
  /** MemTotal, KiB. */
  readonly memoryKib: number;
  readonly efiVariables: readonly string[];
  readonly acpiTables: readonly string[];
}

/** Asks the guest. */
export async function readHardware(machine: VirtualMachine): Promise<Hardware> {
  const words = async (script: string) =>
    (await machine.run(script, COMMAND)).stdout.split('\n').filter((line) => line !== '');
  const [cpus, memory] = await words('nproc; sed -n "s/^MemTotal: *\\([0-9]*\\) kB/\\1/p" /proc/meminfo');
  return {
    cpus: Number(cpus),
    memoryKib: Number(memory),
    efiVariables: await words('ls /sys/firmware/efi/efivars 2>/dev/null || true'),
    acpiTables: await words('ls /sys/firmware/acpi/tables | grep "^[A-Z]" || true'),
  };
}

/** The options that name a kernel of /boot with its initrd and the running command line. */
export function kernelWords(line: string): string {
  return `$(ls /boot/vmlinuz-${line}.*) --reuse-cmdline --initrd $(ls /boot/initrd.img-${line}.*)`;
}

/** Runs `script`, which must end in a jump, and waits for the kernel after it. */
export async function hop(
  machine: VirtualMachine,
  script: string,
  timeoutMs = HOP_TIMEOUT_MS,
): Promise<GuestHello> {
  const before = await machine.waitForHello(1000);
  await machine.start(script);
  return await machine.waitForNewKernel(before.bootId, timeoutMs);
}

/**
 * Whether lab machines may use KVM. That /dev/kvm exists says little: on some hosts a virtual machine never
 * gets to its first instruction. So a kernel is booted, once a boot of the host, and KVM is used only if it
 * came up before a deadline.
 * @module
 */
import { access, constants, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheRoot, lockFile } from './cache-folder.ts';
import type { MachineDescription } from './qemu.ts';
import { describeSmallMachine } from './small-machine-description.ts';
import { VirtualMachine } from './virtual-machine.ts';

const PROBE_TIMEOUT_MS = 15_000;

export type Accelerator = MachineDescription['accelerator'];

/**
 * `KHOP_LAB_ACCELERATOR` when it is set to `tcg` or `kvm`; else kvm if it was seen to work since the host
 * was started, else tcg.
 */
export async function labAccelerator(): Promise<Accelerator> {
  const named = process.env.KHOP_LAB_ACCELERATOR;
  if (named === 'tcg' || named === 'kvm') return named;
  const isUsable = await access('/dev/kvm', constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
  if (!isUsable) return 'tcg';
  const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  const folder = join(cacheRoot(), 'kvm');
  const verdict = join(folder, bootId);
  await mkdir(folder, { recursive: true });
  await using _lock = await lockFile(join(folder, 'lock'), 2 * PROBE_TIMEOUT_MS);
  const known = await readFile(verdict, 'utf8').catch(() => undefined);
  if (known === 'tcg' || known === 'kvm') return known;
  const accelerator = (await bootsWithKvm(PROBE_TIMEOUT_MS)) ? 'kvm' : 'tcg';
  await writeFile(verdict, accelerator);
  return accelerator;
}

/** Whether a small machine with KVM says hello before the deadline. */
export async function bootsWithKvm(timeoutMs: number): Promise<boolean> {
  const description = await describeSmallMachine({ withoutKhop: true }, 'kvm');
  try {
    await using machine = await VirtualMachine.start(description);
    await machine.waitForHello(timeoutMs);
    return true;
  } catch {
    return false;
  }
}

/**
 * Where the kernels of the fast switch tests end up.
 * @module
 */
import assert from 'node:assert/strict';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { COMMAND } from './switching.ts';

/** Where _text is without KASLR. */
export const LINKED_AT = 0xffff_ffff_8100_0000n;
const KERNEL_MAP_END = 0xffff_ffff_c000_0000n;
const ALIGNMENT = 0x20_0000n;
const KASLR_FLAG = 2;

/** Where the running kernel lies, by its own account, and whether it was told that this is a random place. */
export interface KernelPlace {
  readonly virtual: bigint;
  readonly physical: bigint;
  readonly isRandom: boolean;
}

/** Asks the guest. */
export async function kernelPlace(machine: VirtualMachine): Promise<KernelPlace> {
  const script =
    "grep -m 1 ' _text$' /proc/kallsyms | cut -d' ' -f1; " +
    "sed -n 's/^ *\\([0-9a-f]*\\)-.* : Kernel code$/\\1/p' /proc/iomem; " +
    'od -A n -t u1 -j 529 -N 1 /sys/kernel/boot_params/data';
  const [virtual, physical, loadFlags] = (await machine.run(script, COMMAND)).stdout.trim().split(/\s+/);
  return {
    virtual: BigInt(`0x${virtual}`),
    physical: BigInt(`0x${physical}`),
    isRandom: (Number(loadFlags) & KASLR_FLAG) !== 0,
  };
}

/** Fails unless KASLR chose. */
export function assertRandomPlace({ virtual, physical, isRandom }: KernelPlace): void {
  assert.ok(isRandom, 'the kernel was not told that its place is random');
  assert.equal(virtual % ALIGNMENT, 0n);
  assert.equal(physical % ALIGNMENT, 0n);
  assert.ok(virtual >= LINKED_AT && virtual < KERNEL_MAP_END, `_text is at 0x${virtual.toString(16)}`);
}

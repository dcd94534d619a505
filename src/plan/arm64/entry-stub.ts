/**
 * The first instructions after the jump, for arm64.
 *
 * The kernel is entered with the MMU and the data cache off, exceptions masked, and wants x0 = the device
 * tree and x1 = x2 = x3 = 0 (Documentation/arch/arm64/booting.rst, "Call the kernel image"). kexec_load
 * enters with x0 = 0, so a stub sets the registers. Its two addresses are loaded relative to the program
 * counter from the same segment, which needs neither a stack nor caches.
 * @module
 */
import { KhopError } from '../../error.ts';

/** Bytes of the stub: six instructions and two addresses. */
export const ARM64_STUB_SIZE = 40;

/** Where the stub jumps and what it hands over; all physical. */
export interface Arm64StubTarget {
  readonly entry: bigint;
  readonly deviceTree: bigint;
}

const INSTRUCTIONS = [
  0x580000c4, // 00 ldr x4, 0x18    the kernel
  0x580000e0, // 04 ldr x0, 0x20    the device tree
  0xaa1f03e1, // 08 mov x1, xzr
  0xaa1f03e2, // 0c mov x2, xzr
  0xaa1f03e3, // 10 mov x3, xzr
  0xd61f0080, // 14 br  x4
] as const;

function checkAddress(name: string, address: bigint): void {
  if (address < 0n || address >= 1n << 52n)
    throw new KhopError('E_PLAN', `the ${name} address 0x${address.toString(16)} is no physical address`, {
      hint: 'The kernel image is damaged, or the memory map is; fetch the image again.',
    });
}

/** The 40-byte stub. Position independent. */
export function arm64EntryStub(target: Arm64StubTarget): Uint8Array {
  checkAddress('entry', target.entry);
  checkAddress('device tree', target.deviceTree);
  const bytes = new Uint8Array(ARM64_STUB_SIZE);
  const view = new DataView(bytes.buffer);
  INSTRUCTIONS.forEach((word, index) => {
    view.setUint32(4 * index, word, true);
  });
  view.setBigUint64(0x18, target.entry, true);
  view.setBigUint64(0x20, target.deviceTree, true);
  return bytes;
}

/**
 * Kernel modules that crash: one of Debian's own, with other instructions in its init function. So it fits its kernel
 * without headers or a compiler.
 * @module
 */
import { KhopError } from '../../../src/error.ts';
import { parseElf } from '../../../src/formats/elf.ts';
import { findElfSection } from '../../../src/formats/elf-sections.ts';
import { parseModule } from '../../../src/formats/module-file.ts';
import { collectModules } from '../../../src/kernels/kernel-modules.ts';
import type { LabKernel } from '../../../src/lab/kernel-store.ts';

/** Small, needed by nothing, and its init function has room: twelve bytes after the call of __fentry__. */
const DONOR = 'michael_mic';
const ROOM = 12;
/** Elf64_Rela: r_offset, r_info, r_addend. */
const RELOCATION_SIZE = 24;
/** After a signature: its header and the mark; see `src/formats/module-file.ts`. */
const TRAILER_SIZE = 12 + '~Module signature appended~\n'.length;

/** What the init function does. */
export const CRASH_CODE = {
  /** xor eax, eax; mov [rax], eax */
  'null-dereference': '31c08900',
  /** push rax, for ever: down into the guard page, and from there into the double fault */
  'stack-overflow': '50ebfd',
  /** pause, for ever: on a kernel that is not preempted, a soft lockup */
  hang: 'f390ebfc',
  /** cli; then the same: nothing but hardware sees it */
  'dead-hang': 'faf390ebfc',
} as const;

export type CrashCode = keyof typeof CRASH_CODE;

/** The module for `kernel`, as bytes. @throws E_FORMAT when the donor is built in another way */
export async function crashModule(kernel: LabKernel, code: CrashCode): Promise<Uint8Array> {
  const [donor] = await collectModules(kernel.modules, [DONOR]);
  return withCrashingInit(donor!.bytes, code);
}

/** `module` with another init function and without a signature. @throws E_FORMAT when there is no room */
export function withCrashingInit(module: Uint8Array, code: CrashCode): Uint8Array {
  const bytes = withoutSignature(module);
  const elf = parseElf(bytes);
  const text = findElfSection(elf, '.init.text')?.bytes;
  const relocations = findElfSection(elf, '.rela.init.text')?.bytes;
  if (text === undefined || relocations === undefined) throw otherLayout('no init function');
  const rows = rowsOf(relocations);
  // The first is that of the call at the start of the function, which the kernel patches itself.
  const [call, ...others] = rows.map((row) => Number(row.readBigUInt64LE(0))).sort((a, b) => a - b);
  const start = (call ?? 0) + 4;
  if (call === undefined || text.length < start + ROOM || others.length === 0)
    throw otherLayout('its init function is shorter');
  text.set(Buffer.from(CRASH_CODE[code], 'hex'), start);
  // R_X86_64_NONE: what they were for is gone.
  for (const row of rows) if (Number(row.readBigUInt64LE(0)) > call) row.writeBigUInt64LE(0n, 8);
  return bytes;
}

/** Views of the rows. */
function rowsOf(table: Uint8Array): Buffer[] {
  return Array.from({ length: table.length / RELOCATION_SIZE }, (_none, index) =>
    Buffer.from(table.buffer, table.byteOffset + index * RELOCATION_SIZE, RELOCATION_SIZE),
  );
}

/** A signature that no longer fits is refused; without one, the kernel only notes it (taint E). */
export function withoutSignature(module: Uint8Array): Buffer {
  const { signature } = parseModule(module);
  const trailer = signature === undefined ? 0 : signature.bytes.length + TRAILER_SIZE;
  return Buffer.from(module.subarray(0, module.length - trailer));
}

function otherLayout(what: string): KhopError {
  return new KhopError('E_FORMAT', `the module ${DONOR} is not as expected: ${what}`, {
    hint: 'Choose another donor in tools/chaos/guard/crash-module.ts.',
  });
}

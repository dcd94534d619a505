/**
 * The kernel's kexec system calls: include/uapi/linux/kexec.h.
 * @module
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import type { NamedBytes } from '../formats/named-bytes.ts';
import { errnoCauses } from './errno-causes.ts';
import type { SyscallAvailability } from './facts.ts';
import { kernelLogSince, newestKernelLogSequence } from './kernel-log.ts';
import type { SyscallProbe } from './kexec-state.ts';
import {
  addressOf,
  formatFlags,
  type SyscallArgument,
  SyscallError,
  syscallError,
  textArgument,
  trySyscall,
} from './syscall.ts';
import { hostArchitecture } from './syscall-numbers.ts';

export const KEXEC_FLAGS = {
  KEXEC_ON_CRASH: 1,
  KEXEC_PRESERVE_CONTEXT: 2,
  KEXEC_UPDATE_ELFCOREHDR: 4,
  KEXEC_CRASH_HOTPLUG_SUPPORT: 8,
  KEXEC_ARCH_X86_64: 62 << 16,
  KEXEC_ARCH_AARCH64: 183 << 16,
} as const;

export const KEXEC_FILE_FLAGS = {
  KEXEC_FILE_UNLOAD: 1,
  KEXEC_FILE_ON_CRASH: 2,
  KEXEC_FILE_NO_INITRAMFS: 4,
  KEXEC_FILE_DEBUG: 8,
} as const;

const SEGMENT_SIZE = 32;
const BUSY_TRIES = 20;
const BUSY_WAIT_MS = 100;

type KexecCall = 'kexec_load' | 'kexec_file_load';

/** One argument of kexec_load: page-aligned address and memory size, fewer or equal bytes. */
export interface KexecSegment {
  readonly address: bigint;
  readonly memorySize: number;
  readonly bytes: Uint8Array;
}

/** @throws SyscallError with the strace line, the kernel's own words and the causes */
export function kexecLoad(load: {
  readonly entry: bigint;
  readonly segments: readonly KexecSegment[];
  readonly flags: number;
  readonly optionalFlags: number;
}): void {
  const machineFlag =
    hostArchitecture() === 'arm64' ? KEXEC_FLAGS.KEXEC_ARCH_AARCH64 : KEXEC_FLAGS.KEXEC_ARCH_X86_64;
  const holds = load.segments.map((segment) => segment.bytes);
  const segments = encodeSegments(load.segments);
  withFlagRetry(load.flags, load.optionalFlags, (flags) =>
    call('kexec_load', [
      { name: 'entry', value: load.entry },
      { name: 'nr_segments', value: load.segments.length },
      { name: 'segments', value: segments, holds },
      flagsArgument(flags | machineFlag, KEXEC_FLAGS),
    ]),
  );
}

/** struct kexec_segment {void *buf; size_t bufsz; unsigned long mem; size_t memsz}, 32 bytes each. */
function encodeSegments(segments: readonly KexecSegment[]): Uint8Array {
  const table = new Uint8Array(segments.length * SEGMENT_SIZE);
  const view = new DataView(table.buffer);
  for (const [index, segment] of segments.entries()) {
    const at = index * SEGMENT_SIZE;
    view.setBigUint64(at, addressOf(segment.bytes), true);
    view.setBigUint64(at + 8, BigInt(segment.bytes.length), true);
    view.setBigUint64(at + 16, segment.address, true);
    view.setBigUint64(at + 24, BigInt(segment.memorySize), true);
  }
  return table;
}

/**
 * Files are handed over as they are where a path is known: the kernel checks signatures and IMA marks on the
 * file itself. Other bytes go through a memfd.
 * @throws SyscallError with the strace line, the kernel's own words and the causes
 */
export function kexecFileLoad(load: {
  readonly image: NamedBytes;
  readonly initrd: NamedBytes | undefined;
  readonly commandLine: string;
  readonly flags: number;
  readonly optionalFlags: number;
}): void {
  using image = openForKernel(load.image);
  using initrd = load.initrd === undefined ? undefined : openForKernel(load.initrd);
  const commandLine = textArgument('cmdline', load.commandLine);
  const required = load.flags | (initrd === undefined ? KEXEC_FILE_FLAGS.KEXEC_FILE_NO_INITRAMFS : 0);
  withFlagRetry(required, load.optionalFlags, (flags) =>
    call('kexec_file_load', [
      { name: 'kernel_fd', value: image.descriptor },
      { name: 'initrd_fd', value: initrd?.descriptor ?? -1 },
      { name: 'cmdline_len', value: Buffer.byteLength(load.commandLine) + 1 },
      commandLine,
      flagsArgument(flags, KEXEC_FILE_FLAGS),
    ]),
  );
}

interface OpenForKernel extends Disposable {
  readonly descriptor: number;
}

function openForKernel(file: NamedBytes): OpenForKernel {
  const descriptor = file.path === undefined ? writeMemfd(file) : openSync(file.path, 'r');
  return { descriptor, [Symbol.dispose]: () => closeSync(descriptor) };
}

function writeMemfd(file: NamedBytes): number {
  const MFD_CLOEXEC = 1;
  const args: SyscallArgument[] = [textArgument('name', 'khop'), { name: 'flags', value: MFD_CLOEXEC }];
  const made = trySyscall('memfd_create', ...args);
  if (!made.ok) throw syscallError('memfd_create', args, made.errno);
  const descriptor = Number(made.value);
  for (let offset = 0; offset < file.bytes.length; )
    offset += writeSync(descriptor, file.bytes, offset, file.bytes.length - offset);
  return descriptor;
}

/**
 * Empties a slot through whichever call may: under lockdown only the file call is allowed to.
 * @throws SyscallError when neither works
 */
export function kexecUnload(slot: 'normal' | 'crash'): void {
  const fileFlags =
    KEXEC_FILE_FLAGS.KEXEC_FILE_UNLOAD | (slot === 'crash' ? KEXEC_FILE_FLAGS.KEXEC_FILE_ON_CRASH : 0);
  try {
    call('kexec_file_load', [
      { name: 'kernel_fd', value: -1 },
      { name: 'initrd_fd', value: -1 },
      { name: 'cmdline_len', value: 0 },
      { name: 'cmdline', value: null },
      flagsArgument(fileFlags, KEXEC_FILE_FLAGS),
    ]);
  } catch (error) {
    if (!(error instanceof SyscallError) || error.errnoName !== 'ENOSYS') throw error;
    kexecLoad({
      entry: 0n,
      segments: [],
      flags: slot === 'crash' ? KEXEC_FLAGS.KEXEC_ON_CRASH : 0,
      optionalFlags: 0,
    });
  }
}

/**
 * Asks both calls with arguments that cannot load anything, and drops nothing that is loaded. Every call counts
 * against kernel.kexec_load_limit_* (6.3+): where such a limit is set, the answer is `available` unasked.
 */
export function probeSyscalls(hasLoadLimit: boolean): SyscallProbe {
  if (hasLoadLimit) return { kexecLoad: { state: 'available' }, kexecFileLoad: { state: 'available' } };
  // 17 segments are one too many (KEXEC_SEGMENT_MAX): EINVAL after every permission check.
  const load = trySyscall(
    'kexec_load',
    { name: 'entry', value: 0 },
    { name: 'nr_segments', value: 17 },
    { name: 'segments', value: null },
    { name: 'flags', value: 0 },
  );
  // A flag that no kernel knows: EINVAL after every permission check.
  const file = trySyscall(
    'kexec_file_load',
    { name: 'kernel_fd', value: -1 },
    { name: 'initrd_fd', value: -1 },
    { name: 'cmdline_len', value: 0 },
    { name: 'cmdline', value: null },
    { name: 'flags', value: 0x40000000 },
  );
  return { kexecLoad: availability(load), kexecFileLoad: availability(file) };
}

function availability(outcome: ReturnType<typeof trySyscall>): SyscallAvailability {
  if (outcome.ok || outcome.name === 'EINVAL' || outcome.name === 'EBADF') return { state: 'available' };
  return outcome.name === 'ENOSYS'
    ? { state: 'missing' }
    : { state: 'denied', errno: outcome.name ?? String(outcome.errno) };
}

/** Older kernels answer EINVAL to flags they do not know: those that are optional are then left out. */
function withFlagRetry(required: number, optional: number, load: (flags: number) => void): void {
  try {
    load(required | optional);
  } catch (error) {
    if (optional === 0 || !(error instanceof SyscallError) || error.errnoName !== 'EINVAL') throw error;
    load(required);
  }
}

/** One global lock guards both calls; a parallel load answers EBUSY for as long as it lasts. */
function call(name: KexecCall, args: readonly SyscallArgument[]): void {
  const before = newestKernelLogSequence();
  let result = trySyscall(name, ...args);
  for (let tries = 1; !result.ok && result.name === 'EBUSY' && tries < BUSY_TRIES; tries++) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_WAIT_MS);
    result = trySyscall(name, ...args);
  }
  if (result.ok) return;
  const causes = errnoCauses(name, result.name);
  const notes = [
    ...kernelLogSince(before).map((text) => `  the kernel says: ${text}`),
    ...causes.map(({ cause }) => `  possible cause: ${cause}`),
  ];
  throw syscallError(name, args, result.errno, {
    notes,
    ...(causes[0] === undefined ? {} : { hint: causes.map(({ remedy }) => remedy).join(' ') }),
  });
}

function flagsArgument(flags: number, names: Readonly<Record<string, number>>): SyscallArgument {
  return { name: 'flags', value: flags >>> 0, shown: formatFlags(flags, names) };
}

/**
 * The kernel's kexec system calls: include/uapi/linux/kexec.h. Loading is one call: it replaces what was loaded
 * before only when it succeeds, and signals wait until it is over. It is made on another thread, so that this one
 * can give back what the kernel has read.
 * @module
 */
import { setTimeout } from 'node:timers/promises';
import type { NamedBytes } from '../formats/named-bytes.ts';
import { cleanRuns, forgettingPages } from './clean-pages.ts';
import { explainErrno, type KexecCall, type LoadCircumstances } from './errno-causes.ts';
import { holdSignals } from './hold-signals.ts';
import { hostArchitecture } from './host-architecture.ts';
import { openKernelFile } from './kernel-file.ts';
import { markKernelLog } from './kernel-log.ts';
import { hasLoadLimit, type LoadSlot, readLoadCircumstances } from './kexec-gates.ts';
import { requireLeases } from './leased-file.ts';
import { forgetProgram } from './program-pages.ts';
import {
  addressOf,
  type FailedCall,
  formatFlags,
  type SyscallArgument,
  SyscallError,
  startSyscall,
  syscallError,
  textArgument,
  trySyscall,
} from './syscall.ts';
import { nameThreads } from './thread-names.ts';

export const KEXEC_FLAGS = {
  KEXEC_ON_CRASH: 1,
  KEXEC_PRESERVE_CONTEXT: 2,
  KEXEC_UPDATE_ELFCOREHDR: 4,
  KEXEC_CRASH_HOTPLUG_SUPPORT: 8,
  KEXEC_DEBUG: 0x10,
} as const;

/** The high half of kexec_load's flags: the ELF machine number of the image. */
const KEXEC_ARCH = {
  'x86-64': { name: 'KEXEC_ARCH_X86_64', bits: 62 << 16 },
  arm64: { name: 'KEXEC_ARCH_AARCH64', bits: 183 << 16 },
} as const;

export const KEXEC_FILE_FLAGS = {
  KEXEC_FILE_UNLOAD: 1,
  KEXEC_FILE_ON_CRASH: 2,
  KEXEC_FILE_NO_INITRAMFS: 4,
  KEXEC_FILE_DEBUG: 8,
  KEXEC_FILE_NO_CMA: 0x10,
  KEXEC_FILE_FORCE_DTB: 0x20,
} as const;

const SEGMENT_SIZE = 32;
const BUSY_TRIES = 20;
const BUSY_WAIT_MS = 100;
/** The last lines of the log tell why; a debug load writes hundreds before. */
const KERNEL_LINES_SHOWN = 6;

/** One argument of kexec_load: page-aligned address and memory size, fewer or equal bytes. */
export interface KexecSegment {
  readonly address: bigint;
  readonly memorySize: number;
  readonly bytes: Uint8Array;
}

/** What the explanation of a failure wants to know of the load. */
type LoadSizes = Pick<LoadCircumstances, 'slot' | 'loadSize' | 'commandLineLength'>;

/**
 * Loads placed segments. `optionalFlags` are left out, newest first, when the kernel does not know them.
 * @throws SyscallError with the strace line, the kernel's own words and the causes
 */
export async function kexecLoad(load: {
  readonly entry: bigint;
  readonly segments: readonly KexecSegment[];
  readonly flags: number;
  readonly optionalFlags: number;
}): Promise<void> {
  const arch = KEXEC_ARCH[hostArchitecture()];
  const names = { ...KEXEC_FLAGS, [arch.name]: arch.bits };
  const holds = load.segments.map((segment) => segment.bytes);
  requireLeases(holds);
  const read = holds.flatMap(cleanRuns);
  if (read.length > 0) forgetProgram();
  const segments = encodeSegments(load.segments);
  const loadSize = load.segments.reduce((sum, segment) => sum + BigInt(segment.memorySize), 0n);
  const slot = slotOf(load.flags, KEXEC_FLAGS.KEXEC_ON_CRASH);
  await withOptionalFlags(slot, load.flags, load.optionalFlags, (flags) =>
    call(
      'kexec_load',
      { slot, loadSize, commandLineLength: undefined },
      [
        { name: 'entry', value: load.entry },
        { name: 'nr_segments', value: load.segments.length },
        { name: 'segments', value: segments, holds },
        flagsArgument(flags | arch.bits, names),
      ],
      read,
    ),
  );
  try {
    requireLeases(holds);
  } catch (error) {
    kexecUnload(slot);
    throw error;
  }
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
 * Lets the kernel place image, initrd and command line. `optionalFlags` as for `kexecLoad`.
 * @throws SyscallError with the strace line, the kernel's own words and the causes; as `openKernelFile`
 */
export async function kexecFileLoad(load: {
  readonly image: NamedBytes;
  readonly initrd: NamedBytes | undefined;
  readonly commandLine: string;
  readonly flags: number;
  readonly optionalFlags: number;
}): Promise<void> {
  using image = openKernelFile(load.image);
  using initrd = load.initrd === undefined ? undefined : openKernelFile(load.initrd);
  const commandLine = textArgument('cmdline', load.commandLine);
  const commandLineLength = Buffer.byteLength(load.commandLine);
  const loadSize = BigInt(load.image.bytes.length + (load.initrd?.bytes.length ?? 0));
  const required = load.flags | (initrd === undefined ? KEXEC_FILE_FLAGS.KEXEC_FILE_NO_INITRAMFS : 0);
  const slot = slotOf(load.flags, KEXEC_FILE_FLAGS.KEXEC_FILE_ON_CRASH);
  await withOptionalFlags(slot, required, load.optionalFlags, (flags) =>
    call('kexec_file_load', { slot, loadSize, commandLineLength }, [
      { name: 'kernel_fd', value: image.descriptor, shown: `${image.descriptor}<${load.image.name}>` },
      initrd === undefined
        ? { name: 'initrd_fd', value: -1 }
        : {
            name: 'initrd_fd',
            value: initrd.descriptor,
            shown: `${initrd.descriptor}<${load.initrd?.name}>`,
          },
      { name: 'cmdline_len', value: commandLineLength + 1 },
      commandLine,
      flagsArgument(flags, KEXEC_FILE_FLAGS),
    ]),
  );
}

/**
 * Empties a slot; one that is empty stays so. The file call is asked first: under lockdown it alone may
 * unload, whichever call has loaded.
 * @throws SyscallError when neither works
 */
export function kexecUnload(slot: LoadSlot): void {
  const { KEXEC_FILE_UNLOAD, KEXEC_FILE_ON_CRASH } = KEXEC_FILE_FLAGS;
  const fileFlags = KEXEC_FILE_UNLOAD | (slot === 'crash' ? KEXEC_FILE_ON_CRASH : 0);
  try {
    callNow('kexec_file_load', slot, [
      { name: 'kernel_fd', value: -1 },
      { name: 'initrd_fd', value: -1 },
      { name: 'cmdline_len', value: 0 },
      { name: 'cmdline', value: null },
      flagsArgument(fileFlags, KEXEC_FILE_FLAGS),
    ]);
  } catch (error) {
    if (!(error instanceof SyscallError) || error.errnoName !== 'ENOSYS') throw error;
    const arch = KEXEC_ARCH[hostArchitecture()];
    const flags = slot === 'crash' ? KEXEC_FLAGS.KEXEC_ON_CRASH : 0;
    callNow('kexec_load', slot, [
      { name: 'entry', value: 0n },
      { name: 'nr_segments', value: 0 },
      { name: 'segments', value: null },
      flagsArgument(flags | arch.bits, { ...KEXEC_FLAGS, [arch.name]: arch.bits }),
    ]);
  }
}

function slotOf(flags: number, onCrash: number): LoadSlot {
  return (flags & onCrash) === 0 ? 'normal' : 'crash';
}

/**
 * A kernel answers EINVAL to flags it does not know. Every call counts against kernel.kexec_load_limit_*,
 * so where there is a limit nothing is tried that is not needed.
 */
async function withOptionalFlags(
  slot: LoadSlot,
  required: number,
  optional: number,
  load: (flags: number) => Promise<void>,
): Promise<void> {
  let extra = hasLoadLimit(slot) ? 0 : optional & ~required;
  for (;;) {
    try {
      await load(required | extra);
      return;
    } catch (error) {
      if (extra === 0 || !(error instanceof SyscallError) || error.errnoName !== 'EINVAL') throw error;
      extra &= ~(1 << (31 - Math.clz32(extra)));
    }
  }
}

/**
 * One lock guards both calls; while another load lasts, the answer is EBUSY.
 * @param read what the kernel reads once, and may be given back as soon as it was
 */
async function call(
  name: KexecCall,
  sizes: LoadSizes,
  args: readonly SyscallArgument[],
  read: readonly Uint8Array[] = [],
): Promise<void> {
  using _held = holdSignals();
  using log = markKernelLog();
  await nameThreads();
  for (let left = triesOf(sizes.slot); ; left--) {
    const result = await forgettingPages(read, () => startSyscall(name, ...args));
    if (result.ok) return;
    if (result.name !== 'EBUSY' || left === 1) throw explained(name, sizes, args, result, log.newTexts());
    await setTimeout(BUSY_WAIT_MS);
  }
}

/** The same for what takes no time. */
function callNow(name: KexecCall, slot: LoadSlot, args: readonly SyscallArgument[]): void {
  const sizes = { slot, loadSize: undefined, commandLineLength: undefined };
  using _held = holdSignals();
  using log = markKernelLog();
  for (let left = triesOf(slot); ; left--) {
    const result = trySyscall(name, ...args);
    if (result.ok) return;
    if (result.name !== 'EBUSY' || left === 1) throw explained(name, sizes, args, result, log.newTexts());
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_WAIT_MS);
  }
}

function triesOf(slot: LoadSlot): number {
  return hasLoadLimit(slot) ? 1 : BUSY_TRIES;
}

function explained(
  name: KexecCall,
  sizes: LoadSizes,
  args: readonly SyscallArgument[],
  result: FailedCall,
  kernelMessages: readonly string[],
): SyscallError {
  const known = { ...readLoadCircumstances('/', sizes.slot), ...sizes, kernelMessages };
  const { isProven, causes } = explainErrno(name, result.name, known);
  return syscallError(name, args, result.errno, {
    notes: [
      ...kernelMessages.slice(-KERNEL_LINES_SHOWN).map((text) => `  the kernel says: ${text}`),
      ...causes.map(({ cause }) => `  ${isProven ? 'because' : 'perhaps because'} ${cause}`),
    ],
    ...(causes.length === 0 ? {} : { hint: causes.map(({ remedy }) => remedy).join(' Or: ') }),
  });
}

function flagsArgument(flags: number, names: Readonly<Record<string, number>>): SyscallArgument {
  return { name: 'flags', value: flags >>> 0, shown: formatFlags(flags, names) };
}

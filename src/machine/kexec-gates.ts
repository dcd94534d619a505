/**
 * What stands between this process and the kernel's kexec calls: limits, and whether the calls exist.
 * @module
 */
import type { LoadCircumstances } from './errno-causes.ts';
import type { SyscallAvailability } from './facts.ts';
import { readKexecState, readLockdown, type SyscallProbe } from './kexec-state.ts';
import { readMeminfo } from './memory.ts';
import { readContainer } from './platform.ts';
import { type Reading, valueOf } from './reading.ts';
import { type SyscallOutcome, trySyscall } from './syscall.ts';
import { readCapabilities } from './system.ts';

/** Where an image is loaded: for a jump that is asked for, or for a panic. */
export type LoadSlot = 'normal' | 'crash';

/** Whether the kernel counts loads of this slot (6.3+), and so every call, even one that fails. */
export function hasLoadLimit(slot: LoadSlot): boolean {
  return (loadLimit('/', slot) ?? -1) !== -1;
}

function loadLimit(root: string, slot: LoadSlot): number | undefined {
  const state = readKexecState(root, undefined);
  return valueOf(slot === 'crash' ? state.loadLimitPanic : state.loadLimitReboot);
}

/** What is known of the machine when a load has failed. */
export function readLoadCircumstances(
  root: string,
  slot: LoadSlot,
): Omit<LoadCircumstances, 'loadSize' | 'commandLineLength' | 'kernelMessages'> {
  const state = readKexecState(root, undefined);
  const container = readContainer(root);
  return {
    slot,
    hasSysBoot: valueOf(readCapabilities(root))?.has('sys_boot'),
    lockdown: valueOf(readLockdown(root)),
    loadDisabled: valueOf(state.loadDisabled),
    loadLimit: loadLimit(root, slot),
    isContainer: container.state === 'unreadable' ? undefined : container.state === 'read',
    crashSize: valueOf(state.crashSize),
    memoryTotal: valueOf(readMeminfo(root, 'MemTotal')),
  };
}

/**
 * Asks both calls with arguments that cannot load anything and drop nothing that is loaded. The slot without
 * a limit is asked; where both have one the calls are not asked, since that would use up loads. Nor is one that
 * lockdown forbids: the kernel writes of each attempt, and after ten in five seconds of none any more.
 */
export function probeSyscalls(): SyscallProbe {
  const slot = (['normal', 'crash'] as const).find((each) => !hasLoadLimit(each));
  if (slot === undefined) {
    const unasked = (name: string): Reading<SyscallAvailability> => ({
      state: 'unreadable',
      source: `the system call ${name}`,
      reason: 'asking would use up one of the loads that kernel.kexec_load_limit_* allows',
    });
    return { kexecLoad: unasked('kexec_load'), kexecFileLoad: unasked('kexec_file_load') };
  }
  const lockdown = readLockdown('/');
  const isForbidden = (valueOf(lockdown) ?? 'none') !== 'none';
  // A flag that no kernel knows: EINVAL after every permission check.
  const UNKNOWN_FLAG = 0x40000000;
  const file = trySyscall(
    'kexec_file_load',
    { name: 'kernel_fd', value: -1 },
    { name: 'initrd_fd', value: -1 },
    { name: 'cmdline_len', value: 0 },
    { name: 'cmdline', value: null },
    { name: 'flags', value: slot === 'crash' ? UNKNOWN_FLAG | 2 : UNKNOWN_FLAG },
  );
  return {
    kexecLoad: isForbidden
      ? {
          state: 'read',
          value: { state: 'denied', errno: 'EPERM' },
          source: `the system call kexec_load, by ${lockdown.source}`,
        }
      : { state: 'read', value: availability(tryKexecLoad(slot)), source: 'the system call kexec_load' },
    kexecFileLoad: { state: 'read', value: availability(file), source: 'the system call kexec_file_load' },
  };
}

/** 17 segments are one too many (KEXEC_SEGMENT_MAX): EINVAL after every permission check. */
function tryKexecLoad(slot: LoadSlot): SyscallOutcome {
  return trySyscall(
    'kexec_load',
    { name: 'entry', value: 0 },
    { name: 'nr_segments', value: 17 },
    { name: 'segments', value: null },
    { name: 'flags', value: slot === 'crash' ? 1 : 0 },
  );
}

function availability(outcome: SyscallOutcome): SyscallAvailability {
  if (outcome.ok || outcome.name === 'EINVAL') return { state: 'available' };
  return outcome.name === 'ENOSYS'
    ? { state: 'missing' }
    : { state: 'denied', errno: outcome.name ?? String(outcome.errno) };
}

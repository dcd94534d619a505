/**
 * The kernel log in a dump, in whichever of its three forms the kernel kept it.
 * @module
 */
import { readCharacterRing } from './character-ring.ts';
import { readDescriptorRing } from './descriptor-ring.ts';
import type { KernelMemory } from './kernel-memory.ts';
import type { CrashLog } from './log-record.ts';
import { readRecordRing } from './record-ring.ts';
import { symbolAddress } from './vmcoreinfo.ts';

/**
 * The log, by the symbols that VMCOREINFO names.
 * @throws E_FORMAT when the ring itself is damaged or not in the dump; E_UNSUPPORTED when VMCOREINFO lacks a field
 */
export function readCrashLog(memory: KernelMemory): CrashLog {
  const has = (name: string) => symbolAddress(memory.vmcoreinfo, name) !== undefined;
  if (has('prb')) return readDescriptorRing(memory);
  return has('log_first_idx') ? readRecordRing(memory) : readCharacterRing(memory);
}

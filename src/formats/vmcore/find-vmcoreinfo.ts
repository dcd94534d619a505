/**
 * VMCOREINFO in the memory itself, for dumps of virtual machines that had no device to tell their host where it is.
 * Reference: linux kernel/vmcore_info.c (before 6.9 kernel/crash_core.c), update_vmcoreinfo_note(): the note has
 * pages of its own, so it begins a page.
 * @module
 */
import { readElfNotes } from '../elf-notes.ts';
import { rangeSize } from '../range.ts';
import type { CrashedMemory } from './crashed-memory.ts';
import { openKernelMemory } from './kernel-memory.ts';
import { parseVmcoreinfo, symbolAddress } from './vmcoreinfo.ts';

const PAGE_SIZE = 4096;
/** struct elf_note, and the name with its padding. */
const NOTE_START = Buffer.from('\x0b\0\0\0____\0\0\0\0VMCOREINFO\0\0OSRELEASE=', 'latin1');
/** A kernel that was left by kexec has a note in memory as well, and so has each virtual machine. */
const CANDIDATES_LIMIT = 1024;
/** struct uts_namespace: five names of 65 bytes behind a reference count. */
const UTS_NAMESPACE_SIZE = 512;

/**
 * Looks at the beginning of every page that the file holds: it reads all of an ELF dump. A note counts when the kernel
 * that it describes is in memory where it says.
 * @returns undefined when there is none, or more than one
 */
export function findVmcoreinfo(dump: CrashedMemory): Uint8Array | undefined {
  let found: Uint8Array | undefined;
  let candidates = 0;
  for (const range of dump.savedRanges())
    for (let at = 0n; at < rangeSize(range); at += BigInt(PAGE_SIZE)) {
      const text = noteAt(dump, range.start + at);
      if (text === undefined) continue;
      if (++candidates > CANDIDATES_LIMIT) return undefined;
      if (!isAlive(dump, text)) continue;
      if (found !== undefined) return undefined;
      found = text;
    }
  return found;
}

function noteAt(dump: CrashedMemory, address: bigint): Uint8Array | undefined {
  const start = dump.readPhysical(address, NOTE_START.length);
  if (start.state !== 'read') return undefined;
  const bytes = Buffer.from(start.bytes);
  const size = bytes.readUInt32LE(4);
  // Bytes 4 to 7 are the size.
  if (!bytes.subarray(0, 4).equals(NOTE_START.subarray(0, 4))) return undefined;
  if (!bytes.subarray(8).equals(NOTE_START.subarray(8)) || size > PAGE_SIZE * 16) return undefined;
  const whole = dump.readPhysical(address, 24 + Math.ceil(size / 4) * 4);
  return whole.state === 'read' ? readElfNotes(whole.bytes)[0]?.description : undefined;
}

/** Whether init_uts_ns is where the note says and has the release that the note says. */
function isAlive(dump: CrashedMemory, vmcoreinfo: Uint8Array): boolean {
  const info = parseVmcoreinfo(vmcoreinfo);
  const [names, release] = [symbolAddress(info, 'init_uts_ns'), info.get('OSRELEASE')];
  if (names === undefined || release === undefined) return false;
  const read = openKernelMemory({ ...dump, vmcoreinfo }).read(names, UTS_NAMESPACE_SIZE);
  return read.state === 'read' && Buffer.from(read.bytes).includes(`\0${release}\0`, 0, 'latin1');
}

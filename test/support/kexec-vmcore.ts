/**
 * /proc/vmcore as a panic kernel would have shown it, made from what QEMU dumped: with VMCOREINFO among the notes, and
 * the virtual addresses that kexec puts into the program headers.
 * @module
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { ELF_HEADER_SIZE, PROGRAM_HEADER_SIZE } from '../../src/formats/elf.ts';
import { encodeElfNotes } from '../../src/formats/elf-notes.ts';
import type { KernelMemory } from '../../src/formats/vmcore/kernel-memory.ts';
import { readKernelSymbols } from '../../src/formats/vmcore/kernel-symbols.ts';
import { readPointer } from '../../src/formats/vmcore/kernel-values.ts';
import { numberValue, symbolAddress } from '../../src/formats/vmcore/vmcoreinfo.ts';

const PAGE = 4096;
const MEMORY_AT = 64 * 1024;
/** At most: a random base may leave less than that to the end of RAM. */
const TEXT_SIZE = 64n << 20n;
const CHUNK = 1 << 20;

/** Writes RAM below 4 GiB as one segment, and the kernel's text as another one. */
export function writeKexecVmcore(memory: KernelMemory, path: string): void {
  const { dump, vmcoreinfo } = memory;
  const base = readPointer(memory, readKernelSymbols(memory).find('page_offset_base')!, 'page_offset_base');
  const text = symbolAddress(vmcoreinfo, '_stext')!;
  const textAt = text - 0xffff_ffff_8000_0000n + numberValue(vmcoreinfo, 'phys_base')!;
  const ram = dump.memoryRanges()[0]!;
  const textSize = textAt + TEXT_SIZE < ram.end ? TEXT_SIZE : ram.end - textAt;
  const notes = encodeElfNotes([
    ...dump.notes.filter(({ name }) => name === 'CORE'),
    { name: 'VMCOREINFO', type: 0, description: dump.vmcoreinfo! },
  ]);
  const head = Buffer.alloc(MEMORY_AT);
  head.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  head.writeUInt16LE(4, 0x10);
  head.writeUInt16LE(dump.machine, 0x12);
  head.writeUInt32LE(1, 0x14);
  head.writeBigUInt64LE(BigInt(ELF_HEADER_SIZE), 0x20);
  head.writeUInt16LE(ELF_HEADER_SIZE, 0x34);
  head.writeUInt16LE(PROGRAM_HEADER_SIZE, 0x36);
  head.writeUInt16LE(3, 0x38);
  const segments = [
    { type: 4, offset: BigInt(PAGE), virtual: 0n, physical: 0n, size: BigInt(notes.length) },
    { type: 1, offset: BigInt(MEMORY_AT) + textAt, virtual: text, physical: textAt, size: textSize },
    { type: 1, offset: BigInt(MEMORY_AT), virtual: base, physical: 0n, size: ram.end },
  ];
  for (const [index, { type, offset, virtual, physical, size }] of segments.entries()) {
    const at = ELF_HEADER_SIZE + index * PROGRAM_HEADER_SIZE;
    head.writeUInt32LE(type, at);
    head.writeUInt32LE(7, at + 4);
    for (const [field, value] of [offset, virtual, physical, size, size].entries())
      head.writeBigUInt64LE(value, at + 8 + field * 8);
  }
  head.set(notes, PAGE);
  const file = openSync(path, 'w');
  try {
    writeSync(file, head);
    for (let at = 0n; at < ram.end; at += BigInt(CHUNK)) {
      const read = dump.readPhysical(at, CHUNK);
      if (read.state !== 'read') throw new Error(`memory at ${at} is ${read.state}: ${read.reason}`);
      writeSync(file, read.bytes);
    }
  } finally {
    closeSync(file);
  }
}

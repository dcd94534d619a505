/**
 * The archives in front that the kernel looks into before it unpacks anything: microcode and ACPI tables.
 * lib/earlycpio.c, find_cpio_data(); Documentation/arch/x86/microcode.rst and
 * Documentation/admin-guide/acpi/initrd_table_override.rst.
 * @module
 */
import type { Initramfs, InitramfsPart } from '../../formats/initramfs.ts';

/** Where the kernel looks for them, by name. */
const EARLY_FOLDERS = ['kernel/x86/microcode/', 'kernel/firmware/acpi/'];
/** Folders above those, and the mark that dracut and mkinitcpio leave. */
const COMPANIONS = new Set(['.', 'kernel', 'kernel/x86', 'kernel/firmware', 'early_cpio']);

/** Whether an archive's file is one that the kernel would take at that time. */
export function isEarlyFile(name: string): boolean {
  return EARLY_FOLDERS.some((folder) => name.startsWith(folder));
}

function isEarly({ compression, entries }: InitramfsPart): boolean {
  const belongs = (name: string): boolean =>
    isEarlyFile(name) || COMPANIONS.has(name) || EARLY_FOLDERS.includes(`${name}/`);
  return compression === 'none' && entries.every(({ name }) => belongs(name));
}

/** How many of the first parts hold nothing else: they stay as they are. */
export function countEarlyArchives({ parts }: Initramfs): number {
  const first = parts.findIndex((part) => !isEarly(part));
  return first < 0 ? parts.length : first;
}

/** The parts that make the tree of files. */
export function mainParts(content: Initramfs): readonly InitramfsPart[] {
  return content.parts.slice(countEarlyArchives(content));
}

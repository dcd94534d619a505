/**
 * Addons of unified kernel images: PE files without a kernel that add to the command line, initrd, microcode or
 * device tree of one that has it.
 * Specification: UAPI.5 Unified Kernel Image, "PE Addons".
 * @module
 */
import { KhopError } from '../error.ts';
import { isPe, parsePe } from './pe.ts';
import { commandLineText } from './uki.ts';

/** What an addon adds. Byte fields are views of the input. */
export interface UkiAddon {
  /** COFF Machine; an addon for another processor is to be passed over. */
  readonly machine: number;
  /** Goes behind the command line of the image. */
  readonly commandLine: string | undefined;
  /** Go behind the image's initrds. */
  readonly initrds: readonly Uint8Array[];
  /** Go before the image's initrds, those of the last addon first. */
  readonly microcode: readonly Uint8Array[];
  /** Fix-ups to be applied to the device tree, in order. */
  readonly deviceTrees: readonly Uint8Array[];
}

const SECTIONS: ReadonlySet<string> = new Set(['.cmdline', '.dtb', '.ucode', '.initrd']);

/** A PE without `.linux`, but with at least one of the sections an addon may have. */
export function isUkiAddon(bytes: Uint8Array): boolean {
  if (!isPe(bytes)) return false;
  try {
    const names = parsePe(bytes).sections.map((section) => section.name);
    return !names.includes('.linux') && names.some((name) => SECTIONS.has(name));
  } catch (error) {
    if (error instanceof KhopError) return false;
    throw error;
  }
}

/** @throws E_FORMAT; E_UNSUPPORTED for a PE that is no addon */
export function parseUkiAddon(bytes: Uint8Array): UkiAddon {
  const { machine, sections } = parsePe(bytes);
  if (!isUkiAddon(bytes))
    throw new KhopError('E_UNSUPPORTED', 'this EFI program is no addon of a unified kernel image', {
      hint: 'An addon has a section .cmdline, .dtb, .ucode or .initrd, and none called .linux.',
    });
  const all = (name: string) =>
    sections.filter((section) => section.name === name).map((section) => section.bytes);
  return {
    machine,
    commandLine: commandLineText(all('.cmdline')[0]),
    initrds: all('.initrd'),
    microcode: all('.ucode'),
    deviceTrees: all('.dtb'),
  };
}

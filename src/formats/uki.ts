/**
 * Unified kernel images: a PE with the kernel, its initrd and command line as sections.
 * UAPI Group specification 5, "Unified Kernel Image".
 * @module
 */
import { KhopError } from '../error.ts';
import { isPe, parsePe } from './pe.ts';

/** The parts of one image; absent sections are undefined. Byte fields are views of the input. */
export interface Uki {
  readonly linux: Uint8Array;
  readonly initrd: Uint8Array | undefined;
  /** Microcode, to be unpacked before the initrd. */
  readonly microcode: Uint8Array | undefined;
  readonly commandLine: string | undefined;
  /** What `uname -r` will say. */
  readonly release: string | undefined;
  /** os-release text. */
  readonly osRelease: string | undefined;
  readonly deviceTree: Uint8Array | undefined;
}

/** A PE with a section `.linux`. */
export function isUki(bytes: Uint8Array): boolean {
  if (!isPe(bytes)) return false;
  try {
    return parsePe(bytes).sections.some((section) => section.name === '.linux');
  } catch (error) {
    // A damaged PE is not a UKI; whoever parses it says what is wrong.
    if (error instanceof KhopError) return false;
    throw error;
  }
}

/**
 * The parts of the base profile: what stands before the first `.profile` section.
 * @throws E_FORMAT; E_UNSUPPORTED for a PE without `.linux`
 */
export function parseUki(bytes: Uint8Array): Uki {
  const { sections } = parsePe(bytes);
  const firstProfile = sections.findIndex((section) => section.name === '.profile');
  const base = firstProfile < 0 ? sections : sections.slice(0, firstProfile);
  const find = (name: string) => base.find((section) => section.name === name)?.bytes;
  const text = (name: string) => {
    const found = find(name);
    return found === undefined ? undefined : Buffer.from(found).toString('utf8').replace(/\0.*$/s, '').trim();
  };
  const linux = find('.linux');
  if (linux === undefined)
    throw new KhopError(
      'E_UNSUPPORTED',
      'this EFI program has no section .linux, so it holds no Linux kernel',
      {
        hint: 'Name a unified kernel image or a kernel; boot managers and shells cannot be loaded.',
      },
    );
  return {
    linux,
    initrd: find('.initrd'),
    microcode: find('.ucode'),
    commandLine: text('.cmdline'),
    release: text('.uname'),
    osRelease: text('.osrel'),
    deviceTree: find('.dtb'),
  };
}

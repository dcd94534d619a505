/**
 * Unified kernel images: a PE with the kernel, its initrd and command line as sections. One file can hold several
 * profiles, e.g. an ordinary start and a factory reset.
 * Specification: UAPI.5 Unified Kernel Image, "UKI Components" and "Multi-Profile UKIs"; reference systemd-stub(7).
 * @module
 */
import { KhopError } from '../error.ts';
import { isPe, type PeSection, parsePe } from './pe.ts';
import { printableLines, printableUnicode } from './printable-text.ts';

/** One `.profile`. */
export interface UkiProfile {
  /** The number behind `@` that selects it. */
  readonly index: number;
  readonly id: string | undefined;
  readonly title: string | undefined;
}

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
  /** `.dtbauto`: device trees of which the one for this machine is to be chosen, in their order. */
  readonly automaticDeviceTrees: readonly Uint8Array[];
  /** `.sbat`: what Secure Boot revokes by. */
  readonly sbat: string | undefined;
  /** All profiles of the file; empty when it is not divided. */
  readonly profiles: readonly UkiProfile[];
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
 * The parts that start when profile `profile` is selected: its own sections, and those of the base that it does
 * not replace. Profile 0 is what starts when nothing is selected.
 * @throws E_FORMAT; E_UNSUPPORTED for a PE without `.linux`; E_NOT_FOUND for a profile that is not there
 */
export function parseUki(bytes: Uint8Array, profile = 0): Uki {
  const { base, profiles } = splitProfiles(parsePe(bytes).sections);
  const selected = profiles[profile] ?? [];
  if (profile !== 0 && profiles[profile] === undefined) throw noSuchProfile(profile, profiles.length);
  const all = (name: string): Uint8Array[] => {
    const own = selected.filter((section) => section.name === name);
    const found = own.length > 0 ? own : base.filter((section) => section.name === name);
    return found.map((section) => section.bytes);
  };
  const first = (name: string) => all(name)[0];
  const linux = first('.linux');
  if (linux === undefined) throw noKernel();
  return {
    linux,
    initrd: first('.initrd'),
    microcode: first('.ucode'),
    commandLine: commandLineText(first('.cmdline')),
    release: optional(sectionText(first('.uname')), printableUnicode),
    osRelease: optional(sectionText(first('.osrel')), printableLines),
    deviceTree: first('.dtb'),
    automaticDeviceTrees: all('.dtbauto'),
    sbat: optional(sectionText(first('.sbat')), printableLines),
    profiles: profiles.map(describeProfile),
  };
}

/** UTF-8 text of a section up to its NUL, without white space around it; undefined for undefined. */
export function sectionText(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes).replace(/\0.*$/s, '').trim();
}

/** Text of a `.cmdline`. systemd-stub too makes spaces of line ends and other control characters. */
export function commandLineText(bytes: Uint8Array | undefined): string | undefined {
  return optional(sectionText(bytes), (text) => text.replace(/[\x01-\x1f\x7f]/g, ' '));
}

/** A `.profile` begins a profile and belongs to it; what stands before the first is the base. */
function splitProfiles(sections: readonly PeSection[]): { base: PeSection[]; profiles: PeSection[][] } {
  const base: PeSection[] = [];
  const profiles: PeSection[][] = [];
  for (const section of sections) {
    if (section.name === '.profile') profiles.push([]);
    (profiles.at(-1) ?? base).push(section);
  }
  return { base, profiles };
}

function describeProfile(sections: readonly PeSection[], index: number): UkiProfile {
  const text = printableLines(sectionText(sections[0]?.bytes) ?? '');
  const field = (name: string) =>
    new RegExp(`^\\s*${name}=(?:"([^"]*)"|'([^']*)'|(.*?))\\s*$`, 'm').exec(text)?.slice(1).find(Boolean);
  return { index, id: field('ID'), title: field('TITLE') };
}

function optional(text: string | undefined, change: (text: string) => string): string | undefined {
  return text === undefined ? undefined : change(text);
}

function noKernel(): KhopError {
  return new KhopError(
    'E_UNSUPPORTED',
    'this EFI program has no section .linux, so it holds no Linux kernel',
    { hint: 'Name a unified kernel image or a kernel; boot managers and shells cannot be loaded.' },
  );
}

function noSuchProfile(profile: number, count: number): KhopError {
  return new KhopError('E_NOT_FOUND', `the unified kernel image has no profile @${profile}`, {
    hint: count === 0 ? 'It is not divided into profiles.' : `Its profiles are @0 to @${count - 1}.`,
  });
}

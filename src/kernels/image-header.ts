/**
 * What an image is, for which processor, and what its `uname -r` will be, from as few of its bytes as possible:
 * a list of kernels must not read them whole.
 * @module
 */
import { KhopError } from '../error.ts';
import type { Architecture } from '../formats/architecture.ts';
import { type ImageKind, identifyImage } from '../formats/image-kind.ts';
import { versionAfterBuilder } from '../formats/linux-banner.ts';
import { isPe, parsePe } from '../formats/pe.ts';
import { isUki, parseUki, type Uki } from '../formats/uki.ts';
import { OpenFile } from './root-folder.ts';

/** Enough for a bzImage's real-mode part and for every section table. */
const HEAD_LENGTH = 64 * 1024;
/** Text sections of a UKI that describe it. */
const TEXT_SECTIONS = new Set(['.osrel', '.uname', '.cmdline']);
const TEXT_SECTION_LIMIT = 1024 * 1024;
const UKI_LIMIT = 2 ** 31;

/** boot.rst, kernel_version: a pointer relative to 0x200. */
const KERNEL_VERSION = 0x20e;
const KERNEL_VERSION_LIMIT = 1024;

/** PE machine types and ELF e_machine, of the processors that khop plans for. */
const PE_MACHINES = new Map<number, Architecture>([
  [0x8664, 'x86-64'],
  [0xaa64, 'arm64'],
]);
const ELF_MACHINES = new Map<number, Architecture>([
  [62, 'x86-64'],
  [183, 'arm64'],
]);

/** What the head of an image says. */
export interface ImageHeader {
  readonly kind: ImageKind;
  /** Bytes of the file. */
  readonly size: number;
  /** Undefined when it does not say, e.g. because it is compressed; `other` for a processor khop does not know. */
  readonly architecture: Architecture | 'other' | undefined;
  readonly release: string | undefined;
  /** `uname -v`: two builds of one release differ in it. */
  readonly version: string | undefined;
  /** A UKI's texts and the head of its kernel; its other parts are zeros here. */
  readonly uki: Uki | undefined;
}

/** @throws E_NOT_FOUND, E_UNREADABLE when the file cannot be opened; never because of what is in it */
export function readImageHeader(root: string, path: string): ImageHeader {
  using file = OpenFile.open(root, path);
  const head = file.read(0, HEAD_LENGTH);
  const kind = identifyImage(head);
  const uki =
    kind === 'bzimage' || kind === 'arm64-image' || !isPe(head) ? undefined : readUkiTexts(file, head);
  const line = kernelVersionOf(kind === 'bzimage' ? head : uki?.linux);
  return {
    kind: uki === undefined ? kind : 'uki',
    size: file.size,
    architecture: architectureOf(head, kind),
    release: kind === 'bzimage' ? /^([\x21-\x7e]+)(?: |$)/.exec(line ?? '')?.[1] : uki?.release,
    version: line === undefined ? undefined : versionAfterBuilder(line),
    uki,
  };
}

function architectureOf(head: Uint8Array, kind: ImageKind): Architecture | 'other' | undefined {
  if (kind === 'bzimage') return 'x86-64';
  if (kind === 'arm64-image') return 'arm64';
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (kind === 'elf')
    return head.length < 20 ? undefined : (ELF_MACHINES.get(view.getUint16(18, true)) ?? 'other');
  return isPe(head)
    ? (PE_MACHINES.get(view.getUint16(view.getUint32(0x3c, true) + 4, true)) ?? 'other')
    : undefined;
}

/** Of a bzImage: what ends with a NUL. */
function kernelVersionOf(head: Uint8Array | undefined): string | undefined {
  if (head === undefined || identifyImage(head) !== 'bzimage') return undefined;
  const at = ((head[KERNEL_VERSION] ?? 0) | ((head[KERNEL_VERSION + 1] ?? 0) << 8)) + 0x200;
  const text = Buffer.from(head.subarray(at, at + KERNEL_VERSION_LIMIT)).toString('latin1');
  const end = text.indexOf('\0');
  return end < 0 ? undefined : text.slice(0, end);
}

/**
 * The parser wants the whole image and gives views of it. It gets one in which only the section table, the
 * describing texts and the head of the kernel are filled in; the zeros between cost nothing, as the memory is never touched.
 */
function readUkiTexts(file: OpenFile, head: Uint8Array): Uki | undefined {
  if (file.size > UKI_LIMIT) return undefined;
  const image = new Uint8Array(file.size);
  image.set(head);
  try {
    if (!isUki(image)) return undefined;
    for (const { name, bytes } of parsePe(image).sections) {
      const isKernel = name === '.linux';
      if (!isKernel && (!TEXT_SECTIONS.has(name) || bytes.length > TEXT_SECTION_LIMIT)) continue;
      const length = isKernel ? Math.min(bytes.length, HEAD_LENGTH) : bytes.length;
      image.set(file.read(bytes.byteOffset, length), bytes.byteOffset);
    }
    return parseUki(image);
  } catch (error) {
    if (error instanceof KhopError && error.code !== 'E_UNREADABLE') return undefined;
    throw error;
  }
}

/** Text of a section of a PE that describes something, e.g. `.cmdline` of an addon; undefined when there is none. */
export function readPeText(root: string, path: string, section: string): string | undefined {
  using file = OpenFile.open(root, path);
  if (file.size > TEXT_SECTION_LIMIT) return undefined;
  try {
    const found = parsePe(file.read(0, file.size)).sections.find(({ name }) => name === section);
    return found === undefined
      ? undefined
      : Buffer.from(found.bytes).toString('utf8').replace(/\0.*$/s, '').trim();
  } catch (error) {
    if (error instanceof KhopError) return undefined;
    throw error;
  }
}

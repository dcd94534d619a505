/**
 * From the file on disk to the kernel in it: whole-file compression, EFI zboot, unified kernel images and U-Boot's
 * containers.
 * @module
 */
import { KhopError } from '../error.ts';
import { parseZboot } from '../formats/arm64-image.ts';
import { decompress } from '../formats/compression.ts';
import { describeUnknown, identifyImage } from '../formats/image-kind.ts';
import type { NamedBytes } from '../formats/named-bytes.ts';
import { parseUki } from '../formats/uki.ts';
import { type UbootContents, unwrapFit, unwrapUimage } from './unwrap-u-boot.ts';

/** A kernel that one of the architectures' loaders takes, and what came with it. */
export interface UnwrappedImage {
  readonly kind: 'bzimage' | 'arm64-image' | 'elf';
  /** Has a path only when nothing had to be unwrapped. */
  readonly kernel: NamedBytes;
  /** Microcode and initrd of a UKI, or the ramdisk beside a kernel, in unpacking order. */
  readonly initrds: readonly NamedBytes[];
  /** A UKI's command line. */
  readonly commandLine: string | undefined;
  /** What was taken off, outermost first: `gzip`, `zboot`, `uki`, `fit`. */
  readonly wrappings: readonly string[];
}

const UNPACKED_LIMIT = 1024 * 1024 * 1024;
const DEPTH_LIMIT = 4;

/** @throws E_FORMAT for what is no kernel, saying what it is instead; E_UNSUPPORTED for what khop cannot unwrap */
export function unwrapImage(image: NamedBytes): UnwrappedImage {
  return unwrap({ kernel: image, initrds: [], commandLine: undefined, wrappings: [] });
}

function unwrap(state: Omit<UnwrappedImage, 'kind'>): UnwrappedImage {
  const { kernel, wrappings } = state;
  if (wrappings.length > DEPTH_LIMIT)
    throw new KhopError('E_FORMAT', `${kernel.name} is wrapped ${wrappings.length} times`, {
      hint: 'No kernel is built like this; fetch it again.',
    });
  const kind = identifyImage(kernel.bytes);
  switch (kind) {
    case 'bzimage':
    case 'arm64-image':
    case 'elf':
      return { ...state, kind };
    case 'uki':
      return unwrap(unwrapUki(state));
    case 'uimage':
      return unwrap(withContents(state, kind, unwrapUimage(kernel)));
    case 'fit':
      return unwrap(withContents(state, kind, unwrapFit(kernel)));
    case 'zboot': {
      const { payload, compression } = parseZboot(kernel.bytes);
      return unwrap({
        ...state,
        kernel: named(`the ${compression} payload of ${kernel.name}`, unpack(payload, kernel.name)),
        wrappings: [...wrappings, 'zboot'],
      });
    }
    case 'pe':
    case 'unknown':
      throw new KhopError('E_FORMAT', `${kernel.name} is ${describeUnknown(kernel.bytes)}`, {
        hint: 'Name a kernel image: vmlinuz, bzImage, Image, vmlinux or a unified kernel image.',
      });
    default:
      return unwrap({
        ...state,
        kernel: named(`${kernel.name}, unpacked`, unpack(kernel.bytes, kernel.name)),
        wrappings: [...wrappings, kind],
      });
  }
}

function unwrapUki(state: Omit<UnwrappedImage, 'kind'>): Omit<UnwrappedImage, 'kind'> {
  const { name, bytes } = state.kernel;
  const uki = parseUki(bytes);
  const parts = [
    ['.ucode', uki.microcode],
    ['.initrd', uki.initrd],
  ] as const;
  return {
    kernel: named(`.linux of ${name}`, uki.linux),
    initrds: [
      ...state.initrds,
      ...parts.flatMap(([section, part]) =>
        part === undefined ? [] : [named(`${section} of ${name}`, part)],
      ),
    ],
    commandLine: uki.commandLine ?? state.commandLine,
    wrappings: [...state.wrappings, 'uki'],
  };
}

function withContents(
  state: Omit<UnwrappedImage, 'kind'>,
  wrapping: string,
  { kernel, initrds }: UbootContents,
): Omit<UnwrappedImage, 'kind'> {
  return {
    ...state,
    kernel,
    initrds: [...state.initrds, ...initrds],
    wrappings: [...state.wrappings, wrapping],
  };
}

function unpack(bytes: Uint8Array, name: string): Uint8Array {
  return decompress(bytes, { name, maxOutputBytes: UNPACKED_LIMIT });
}

function named(name: string, bytes: Uint8Array): NamedBytes {
  return { name, path: undefined, bytes };
}

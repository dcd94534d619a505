/**
 * What the preflight sees of a kernel and its initrds: read once, as values.
 * @module
 */
import { KhopError } from '../error.ts';
import { parseArm64Image } from '../formats/arm64-image.ts';
import { readSigners } from '../formats/authenticode.ts';
import { parseBzImage } from '../formats/bzimage.ts';
import { identifyImage } from '../formats/image-kind.ts';
import { readInitramfs } from '../formats/initramfs.ts';
import type { NamedBytes } from '../formats/named-bytes.ts';
import { isPe, parsePe } from '../formats/pe.ts';
import type { Reading } from '../machine/reading.ts';
import { readKernelConfiguration } from './kernel-configuration.ts';
import type { ImageKind, ImageSigner, InitrdView, KernelView } from './preflight/kernel-view.ts';
import { type UnwrappedImage, unwrapImage } from './unwrap-image.ts';

/** What the use case knows besides the bytes. */
export interface KernelSurroundings {
  /** Text of its build configuration. */
  readonly config: string | undefined;
  readonly modules: Reading<ReadonlySet<string>>;
  readonly release: string | undefined;
}

/** Unreadable, with the parser's own words, when the image is not one. */
export function describeKernel(image: NamedBytes, around: KernelSurroundings): Reading<KernelView> {
  return attempt(image.name, () => {
    const unwrapped = unwrapImage(image);
    return { ...describeHeader(unwrapped, image, around), ...describeContext(unwrapped, image, around) };
  });
}

function attempt<T>(source: string, read: () => T): Reading<T> {
  try {
    return { state: 'read', value: read(), source };
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return { state: 'unreadable', source, reason: error.message };
  }
}

function describeHeader(unwrapped: UnwrappedImage, image: NamedBytes, around: KernelSurroundings) {
  const base = { path: image.name, kind: kindOf(image.bytes), fileBytes: image.bytes.length };
  const { bytes } = unwrapped.kernel;
  if (unwrapped.kind === 'bzimage') {
    const parsed = parseBzImage(bytes);
    return {
      ...base,
      architecture: 'x86-64' as const,
      release: parsed.kernelRelease ?? around.release,
      memoryBytes: parsed.initSize,
      setupHeader: {
        protocol: parsed.protocolVersion,
        xloadFlags: parsed.xloadFlags.bits,
        cmdlineSize: parsed.commandLineSize,
        isRelocatable: parsed.isRelocatable,
      },
      arm64Header: undefined,
    };
  }
  const memoryBytes = bytes.length;
  if (unwrapped.kind === 'elf') {
    // e_machine, 18: EM_AARCH64 is 183.
    const architecture = bytes[18] === 183 ? ('arm64' as const) : ('x86-64' as const);
    return {
      ...base,
      architecture,
      release: around.release,
      memoryBytes,
      setupHeader: undefined,
      arm64Header: undefined,
    };
  }
  const { imageSize, pageSize, isBigEndian } = parseArm64Image(bytes);
  return {
    ...base,
    architecture: 'arm64' as const,
    release: around.release,
    memoryBytes: Number(imageSize),
    setupHeader: undefined,
    arm64Header: { pageSize, isBigEndian },
  };
}

function kindOf(bytes: Uint8Array): ImageKind {
  const kind = identifyImage(bytes);
  if (kind === 'elf') return 'vmlinux';
  return kind === 'bzimage' || kind === 'arm64-image' || kind === 'uki' || kind === 'zboot'
    ? kind
    : 'compressed';
}

function describeContext(unwrapped: UnwrappedImage, image: NamedBytes, around: KernelSurroundings) {
  return {
    signers: attempt(`signatures of ${unwrapped.kernel.name}`, () => signersOf(unwrapped.kernel.bytes)),
    hasImaSignature: {
      state: 'unreadable',
      source: `security.ima of ${image.name}`,
      reason: 'extended attributes are not read',
    } as const,
    config: readKernelConfiguration(unwrapped, around.config),
    modules: around.modules,
  };
}

function signersOf(bytes: Uint8Array): readonly ImageSigner[] {
  return isPe(bytes) ? readSigners(parsePe(bytes).certificates) : [];
}

/** Absent without any; unreadable when one of them is not an initrd or cannot be unpacked. */
export function describeInitrds(initrd: NamedBytes | undefined): Reading<InitrdView> {
  if (initrd === undefined) return { state: 'absent', source: 'the initrd' };
  return attempt(initrd.name, () => {
    const content = readInitramfs(initrd.bytes, initrd.name);
    return {
      packedBytes: initrd.bytes.length,
      unpackedBytes: content.unpackedBytes,
      paths: new Set(content.entries.map((entry) => entry.name)),
      misalignedArchives: content.misalignedArchives,
    };
  });
}

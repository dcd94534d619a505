/**
 * What the preflight sees of a kernel and its initrds: read once, as values.
 * @module
 */
import { KhopError } from '../error.ts';
import type { Architecture } from '../formats/architecture.ts';
import { parseArm64Image } from '../formats/arm64-image.ts';
import { checkSignatures } from '../formats/authenticode-digest.ts';
import { parseBzImage } from '../formats/bzimage.ts';
import { ELF_MACHINES, loadSegments, parseElf } from '../formats/elf.ts';
import { identifyImage } from '../formats/image-kind.ts';
import { readInitramfs, releaseUnpacked } from '../formats/initramfs.ts';
import { findKernelRelease } from '../formats/linux-banner.ts';
import type { NamedBytes } from '../formats/named-bytes.ts';
import { isPe } from '../formats/pe.ts';
import type { ImaMark } from '../machine/ima-attribute.ts';
import type { Reading } from '../machine/reading.ts';
import { readKernelConfiguration } from './kernel-configuration.ts';
import type { ImageKind, ImageSigner, InitrdView, KernelView } from './preflight/kernel-view.ts';
import { type UnwrappedImage, unwrapImage } from './unwrap-image.ts';

const ELF_ARCHITECTURES = new Map<number, Architecture>([
  [ELF_MACHINES.x86_64, 'x86-64'],
  [ELF_MACHINES.aarch64, 'arm64'],
]);

/** What the use case knows besides the bytes. */
export interface KernelSurroundings {
  /** Text of its build configuration. */
  readonly config: string | undefined;
  /** The image unpacked, where that was done before. */
  readonly unpacked?: Uint8Array | undefined;
  readonly modules: Reading<ReadonlySet<string>>;
  readonly release: string | undefined;
  /** security.ima of the file as it is on disk. */
  readonly imaMark: Reading<ImaMark>;
}

/** Unreadable, with the parser's own words, when the image is not one. */
export function describeKernel(image: NamedBytes, around: KernelSurroundings): Reading<KernelView> {
  return attempt(image.name, () => {
    const unwrapped = unwrapImage(image);
    return { ...describeHeader(unwrapped, image, around), ...describeContext(unwrapped, around) };
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
  const release = findKernelRelease(bytes) ?? around.release;
  if (unwrapped.kind === 'elf')
    return { ...base, ...describeElf(bytes), release, setupHeader: undefined, arm64Header: undefined };
  const { imageSize, pageSize, isBigEndian } = parseArm64Image(bytes);
  return {
    ...base,
    architecture: 'arm64' as const,
    release,
    memoryBytes: Number(imageSize),
    setupHeader: undefined,
    arm64Header: { pageSize, isBigEndian },
  };
}

/** @throws E_FORMAT, E_UNSUPPORTED for an ELF file that is no kernel for these processors */
function describeElf(bytes: Uint8Array): { architecture: Architecture; memoryBytes: number } {
  const elf = parseElf(bytes);
  const architecture = ELF_ARCHITECTURES.get(elf.machine);
  const segments = loadSegments(elf);
  const [first, last] = [segments[0], segments.at(-1)];
  if (architecture === undefined || first === undefined || last === undefined)
    throw new KhopError(
      'E_UNSUPPORTED',
      `an ELF file for machine ${elf.machine} with ${segments.length} segments to load`,
      {
        hint: 'Name a vmlinux that was built for x86-64 or arm64.',
      },
    );
  const span = last.physicalAddress + last.memorySize - first.physicalAddress;
  return { architecture, memoryBytes: Number(span) };
}

function kindOf(bytes: Uint8Array): ImageKind {
  const kind = identifyImage(bytes);
  if (kind === 'elf') return 'vmlinux';
  return kind === 'bzimage' || kind === 'arm64-image' || kind === 'uki' || kind === 'zboot'
    ? kind
    : 'compressed';
}

function describeContext(unwrapped: UnwrappedImage, around: KernelSurroundings) {
  return {
    signers: attempt(`signatures of ${unwrapped.kernel.name}`, () => signersOf(unwrapped.kernel.bytes)),
    imaMark: around.imaMark,
    config: readKernelConfiguration(unwrapped, around.config, around.unpacked),
    modules: around.modules,
  };
}

/** @throws E_FORMAT when the image was changed after it was signed: no key would make the signature good */
function signersOf(bytes: Uint8Array): readonly ImageSigner[] {
  const signatures = isPe(bytes) ? checkSignatures(bytes) : [];
  if (signatures.some((signature) => signature.isIntact === false))
    throw new KhopError('E_FORMAT', 'the image is not what was signed: it was changed afterwards', {
      hint: 'Fetch the kernel again, or sign it anew.',
    });
  return signatures.flatMap((signature) => signature.signers);
}

/**
 * Absent without any; unreadable when one of them is not an initrd or cannot be unpacked.
 * @param onRead as for readInitramfs
 */
export function describeInitrds(
  initrd: NamedBytes | undefined,
  onRead?: (read: Uint8Array) => void,
): Reading<InitrdView> {
  if (initrd === undefined) return { state: 'absent', source: 'the initrd' };
  return attempt(initrd.name, () => {
    const content = readInitramfs(initrd.bytes, initrd.name, { onRead });
    const view: InitrdView = {
      packedBytes: initrd.bytes.length,
      unpackedBytes: content.unpackedBytes,
      paths: new Set(content.entries.map((entry) => entry.name)),
      misalignedArchives: content.misalignedArchives,
    };
    releaseUnpacked(content);
    return view;
  });
}

/**
 * What the preflight needs to know of a kernel image. The planner reads the image once and gives these
 * facts; the checks never see the bytes.
 * @module
 */
import type { Architecture } from '../../formats/architecture.ts';
import type { ImaMark } from '../../machine/ima-attribute.ts';
import type { Reading } from '../../machine/reading.ts';

/** What the file on disk is. The first three can be loaded as they are, khop unwraps the others. */
export type ImageKind = 'bzimage' | 'arm64-image' | 'vmlinux' | 'uki' | 'zboot' | 'compressed';

/** One signer of a PE certificate table, by the names in the certificate. */
export interface ImageSigner {
  /** Common name of the signing certificate. */
  readonly subject: string;
  /** Common name of what signed that certificate. */
  readonly issuer: string;
}

/** Fields of the x86 setup header, Documentation/arch/x86/boot.rst. */
export interface SetupHeaderView {
  /** 0x020f is 2.15. */
  readonly protocol: number;
  /** XLF_*: bit 0 KERNEL_64, 1 CAN_BE_LOADED_ABOVE_4G, 4 EFI_KEXEC, 5 5LEVEL. */
  readonly xloadFlags: number;
  /** Bytes without the terminating NUL. */
  readonly cmdlineSize: number;
  readonly isRelocatable: boolean;
}

/** Fields of the arm64 image header, Documentation/arch/arm64/booting.rst. */
export interface Arm64HeaderView {
  /** Bytes of a page; undefined where the header does not say. */
  readonly pageSize: number | undefined;
  readonly isBigEndian: boolean;
}

/** An image, after unwrapping. */
export interface KernelView {
  readonly path: string;
  readonly kind: ImageKind;
  readonly architecture: Architecture;
  /** What `uname -r` will say. */
  readonly release: string | undefined;
  /** Bytes of the file on disk. */
  readonly fileBytes: number;
  /** Bytes of memory it needs where it runs: init_size, image_size, or the span of an ELF's segments. */
  readonly memoryBytes: number;
  /** For a bzImage, or the one inside a UKI. */
  readonly setupHeader: SetupHeaderView | undefined;
  /** For an arm64 Image, or the one inside a wrapper. */
  readonly arm64Header: Arm64HeaderView | undefined;
  /** Signers of the bytes that will be given to the kernel (a UKI's inner image, not the UKI); empty: unsigned. */
  readonly signers: Reading<readonly ImageSigner[]>;
  /** The extended attribute security.ima of the file on disk; absent: it has none, or is no file of its own. */
  readonly imaMark: Reading<ImaMark>;
  /** Its build configuration, CONFIG_X -> y, m or value. */
  readonly config: Reading<ReadonlyMap<string, string>>;
  /** Names of its modules on disk and built in, dashes as underscores; absent: no folder. */
  readonly modules: Reading<ReadonlySet<string>>;
}

/** All initrds together, in the order in which the kernel unpacks them. */
export interface InitrdView {
  /** Bytes as loaded, padding included. */
  readonly packedBytes: number;
  /** Bytes of all files when unpacked. */
  readonly unpackedBytes: number;
  /** Every path as the archives have it: `init`, `./init` or `/init`. */
  readonly paths: ReadonlySet<string>;
  /** Offsets of archives that the kernel skips: uncompressed and not on a multiple of 4. */
  readonly misalignedArchives: readonly number[];
}

const MODULE_PATH = /^\.?\/*(?:usr\/)?lib\/modules\/([^/]+)\/(?:.*\/)?([^/]+?)\.ko(?:\.(?:gz|xz|zst))?$/;
const MODULE_FOLDER = /^\.?\/*(?:usr\/)?lib\/modules\/([^/]+)(?:\/|$)/;

/** Whether the initrd has `path`, given without a leading slash, however its archives write it. */
export function initrdHas(initrd: InitrdView, path: string): boolean {
  return ['', './', '/'].some((prefix) => initrd.paths.has(`${prefix}${path}`));
}

/** Releases for which the initrd has a folder of modules. */
export function moduleReleasesOf(initrd: InitrdView): ReadonlySet<string> {
  const releases = new Set<string>();
  for (const path of initrd.paths) {
    const release = MODULE_FOLDER.exec(path)?.[1];
    if (release !== undefined) releases.add(release);
  }
  return releases;
}

/** Names of the modules in the initrd for `release`, dashes as underscores; for any release where it is undefined. */
export function moduleNamesOf(initrd: InitrdView, release: string | undefined): ReadonlySet<string> {
  const names = new Set<string>();
  for (const path of initrd.paths) {
    const match = MODULE_PATH.exec(path);
    if (match === null || (release !== undefined && match[1] !== release)) continue;
    names.add((match[2] as string).replaceAll('-', '_'));
  }
  return names;
}

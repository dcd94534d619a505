/**
 * Builds U-Boot legacy images with right checksums.
 * @module
 */
import { crc32 } from 'node:zlib';

/** Header fields by their numbers; the defaults make a gzip-compressed arm64 Linux kernel. */
export interface UimageOptions {
  readonly operatingSystem?: number;
  readonly architecture?: number;
  /** 4 for several files. */
  readonly type?: number;
  readonly compression?: number;
  readonly load?: number;
  readonly entry?: number;
  readonly name?: string;
}

/** One image of `files`; only type 4 can hold more than one. */
export function buildUimage(files: readonly Uint8Array[], options: UimageOptions = {}): Uint8Array {
  const data = options.type === 4 ? joinFiles(files) : files[0]!;
  const bytes = new Uint8Array(64 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x27051956);
  view.setUint32(12, data.length);
  view.setUint32(16, options.load ?? 0x8_0000);
  view.setUint32(20, options.entry ?? 0x8_0000);
  view.setUint32(24, crc32(data));
  bytes.set(
    [options.operatingSystem ?? 5, options.architecture ?? 22, options.type ?? 2, options.compression ?? 1],
    28,
  );
  bytes.set(Buffer.from((options.name ?? 'a kernel').slice(0, 32), 'latin1'), 32);
  view.setUint32(4, crc32(bytes.subarray(0, 64)));
  bytes.set(data, 64);
  return bytes;
}

function joinFiles(files: readonly Uint8Array[]): Uint8Array {
  const sizes = Buffer.alloc((files.length + 1) * 4);
  for (const [index, file] of files.entries()) sizes.writeUInt32BE(file.length, index * 4);
  return Buffer.concat([
    sizes,
    ...files.flatMap((file) => [file, Buffer.alloc((4 - (file.length % 4)) % 4)]),
  ]);
}

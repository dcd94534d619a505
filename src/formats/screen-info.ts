/**
 * screen_info: the 64 bytes that tell a kernel which screen the firmware left behind.
 * Specification: linux include/uapi/linux/screen_info.h; Documentation/arch/x86/zero-page.rst, 0x000.
 * @module
 */
import { ByteReader } from './byte-reader.ts';

/** Bytes of the structure. */
export const SCREEN_INFO_SIZE = 64;

/** orig_video_isVGA: what kind of screen it is. 0 means that there is none to draw on. */
export const VIDEO_TYPES = { none: 0, vgaText: 0x01, vesaFramebuffer: 0x23, efiFramebuffer: 0x70 } as const;

/** capabilities, VIDEO_CAPABILITY_64BIT_BASE: ext_lfb_base holds the upper half of the address. */
const CAPABILITY_64BIT_BASE = 2;

/** What a screen_info says; a linear framebuffer is there only for the two framebuffer types. */
export interface ScreenInfo {
  readonly videoType: number;
  readonly framebuffer:
    | {
        /** Physical address. */
        readonly base: bigint;
        /** Bytes; VESA counts in units of 64 KiB, which is resolved here. */
        readonly size: bigint;
        readonly width: number;
        readonly height: number;
        readonly bitsPerPixel: number;
        readonly bytesPerLine: number;
      }
    | undefined;
}

/** @throws E_FORMAT when there are fewer than 64 bytes */
export function parseScreenInfo(bytes: Uint8Array): ScreenInfo {
  const reader = new ByteReader(bytes, 'screen_info');
  reader.slice(0, SCREEN_INFO_SIZE, 'screen_info');
  const videoType = reader.u8(0x0f, 'orig_video_isVGA');
  const isVesa = videoType === VIDEO_TYPES.vesaFramebuffer;
  if (!isVesa && videoType !== VIDEO_TYPES.efiFramebuffer) return { videoType, framebuffer: undefined };
  const has64BitBase = (reader.u32(0x36, 'capabilities') & CAPABILITY_64BIT_BASE) !== 0;
  const high = has64BitBase ? reader.u32(0x3a, 'ext_lfb_base') : 0;
  const framebuffer = {
    base: (BigInt(high) << 32n) | BigInt(reader.u32(0x18, 'lfb_base')),
    size: BigInt(reader.u32(0x1c, 'lfb_size')) * (isVesa ? 0x10000n : 1n),
    width: reader.u16(0x12, 'lfb_width'),
    height: reader.u16(0x14, 'lfb_height'),
    bitsPerPixel: reader.u16(0x16, 'lfb_depth'),
    bytesPerLine: reader.u16(0x24, 'lfb_linelength'),
  };
  return { videoType, framebuffer };
}

/**
 * A copy without cl_magic and cl_offset. They share these bytes (boot protocol 2.00 and 2.01), and a kernel that
 * found an old magic number there would read its command line from the wrong place.
 */
export function withoutOldCommandLine(screenInfo: Uint8Array): Uint8Array {
  // Not slice(): on a Buffer that is a view, and the caller's bytes would change.
  const copy = Uint8Array.from(screenInfo.subarray(0, SCREEN_INFO_SIZE));
  copy.fill(0, 0x20, 0x24);
  return copy;
}

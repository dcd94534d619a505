/**
 * Which screen the new kernel is told of: screen_info, the first 64 bytes of boot_params.
 * include/uapi/linux/screen_info.h; Documentation/arch/x86/zero-page.rst, 0x000.
 * @module
 */
import { decodeBootParams } from '../../formats/boot-params.ts';
import {
  parseScreenInfo,
  SCREEN_INFO_SIZE,
  VIDEO_TYPES,
  withoutOldCommandLine,
} from '../../formats/screen-info.ts';
import type { MachineFacts } from '../../machine/facts.ts';
import { valueOf } from '../../machine/reading.ts';

const EXT_MEM_K = 0x02;
const ORIG_VIDEO_IS_VGA = 0x0f;
/** What screen_info says, and what the person should know of it. */
export interface ScreenHandover {
  /** 64 bytes. */
  readonly screenInfo: Uint8Array;
  readonly notes: readonly string[];
}

/**
 * The firmware's screen as the running kernel got it. A native graphics driver has changed the mode behind the
 * firmware's framebuffer since: the new kernel would draw into memory that shows something else, so then it is
 * told of no screen, as kexec-tools does.
 */
export function planScreen(machine: MachineFacts): ScreenHandover {
  const running = valueOf(machine.bootParams);
  if (running === undefined) return { screenInfo: new Uint8Array(SCREEN_INFO_SIZE), notes: [] };
  const screenInfo = withoutOldCommandLine(decodeBootParams(running).screenInfo);
  const native = (valueOf(machine.framebuffers) ?? []).find((name) => !isFirmwareDriver(name));
  if (native === undefined || parseScreenInfo(screenInfo).framebuffer === undefined)
    return { screenInfo, notes: [] };
  screenInfo[ORIG_VIDEO_IS_VGA] = VIDEO_TYPES.none;
  const note = `The firmware’s framebuffer is not handed over, because ${native} has taken the screen: it stays dark until the new kernel’s own driver starts.`;
  return { screenInfo, notes: [note] };
}

/** As /proc/fb names efifb, vesafb, simplefb and DRM's drivers for the same framebuffers. */
function isFirmwareDriver(name: string): boolean {
  return /^(EFI VGA|VESA VGA|simple|(simpledrm|efidrm|vesadrm|ofdrm)(drmfb)?)$/.test(name);
}

/** With ext_mem_k, the 16-bit ancestor of alt_mem_k (KiB above 1 MiB), which ends at 63 MiB. */
export function encodeScreenInfo({ screenInfo }: ScreenHandover, altMemK: number): Uint8Array {
  const bytes = new Uint8Array(screenInfo);
  new DataView(bytes.buffer).setUint16(EXT_MEM_K, Math.min(altMemK, 0xfc00), true);
  return bytes;
}

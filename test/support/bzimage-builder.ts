/**
 * Builds small bzImages: a real-mode part with a setup header, and a protected-mode kernel of any bytes.
 * @module
 */

/** Fields of the setup header a test wants different from those of an ordinary distribution kernel. */
export interface BzImageOptions {
  readonly setupSects?: number;
  readonly protocolVersion?: number;
  readonly loadFlags?: number;
  /** Default 0x7f: everything but memory encryption, as Debian's kernels have it. */
  readonly xloadFlags?: number;
  readonly initSize?: number;
  readonly prefAddress?: bigint;
  readonly kernelAlignment?: number;
  readonly isRelocatable?: boolean;
  readonly commandLineSize?: number;
  readonly kernelVersion?: string;
  /** Bytes at 0x200 of the protected-mode kernel, the 64-bit entry. */
  readonly entryCode?: Uint8Array;
  /** The compressed kernel. */
  readonly payload?: Uint8Array;
  /** Bytes after the end that syssize names, e.g. a signature. */
  readonly appended?: Uint8Array;
}

const PAYLOAD_OFFSET = 0x240;
const VERSION_OFFSET = 0x400;

/** A bzImage of protocol 2.15 that every check accepts, unless `options` say otherwise. */
export function buildBzImage(options: BzImageOptions = {}): Uint8Array {
  const setupSects = options.setupSects ?? 3;
  const payload = options.payload ?? new Uint8Array(96).fill(0x5a);
  const kernelLength = Math.ceil((PAYLOAD_OFFSET + payload.length) / 16) * 16;
  const setupLength = ((setupSects || 4) + 1) * 512;
  const appended = options.appended ?? new Uint8Array(0);
  const image = new Uint8Array(setupLength + kernelLength + appended.length);
  writeSetupHeader(image, options, { setupSects, kernelLength, payloadLength: payload.length });
  writeText(image, VERSION_OFFSET, `${options.kernelVersion ?? '6.1.0-test-amd64 (builder@test) #1 SMP'}\0`);
  image.set(options.entryCode ?? new Uint8Array([0xf4, 0xeb, 0xfd]), setupLength + 0x200);
  image.set(payload, setupLength + PAYLOAD_OFFSET);
  image.set(appended, setupLength + kernelLength);
  return image;
}

interface Lengths {
  readonly setupSects: number;
  readonly kernelLength: number;
  readonly payloadLength: number;
}

function writeSetupHeader(image: Uint8Array, options: BzImageOptions, lengths: Lengths): void {
  const view = new DataView(image.buffer);
  view.setUint8(0x1f1, lengths.setupSects);
  view.setUint32(0x1f4, lengths.kernelLength / 16, true);
  view.setUint16(0x1fe, 0xaa55, true);
  view.setUint8(0x200, 0xeb);
  view.setUint8(0x201, 0x26c - 0x202);
  writeText(image, 0x202, 'HdrS');
  view.setUint16(0x206, options.protocolVersion ?? 0x20f, true);
  view.setUint16(0x20e, VERSION_OFFSET - 0x200, true);
  view.setUint8(0x211, options.loadFlags ?? 0x01);
  view.setUint32(0x22c, 0x7fffffff, true);
  view.setUint32(0x230, options.kernelAlignment ?? 0x200000, true);
  view.setUint8(0x234, (options.isRelocatable ?? true) ? 1 : 0);
  view.setUint8(0x235, 21);
  view.setUint16(0x236, options.xloadFlags ?? 0x7f, true);
  view.setUint32(0x238, options.commandLineSize ?? 2047, true);
  view.setUint32(0x248, PAYLOAD_OFFSET, true);
  view.setUint32(0x24c, lengths.payloadLength, true);
  view.setBigUint64(0x258, options.prefAddress ?? 0x1000000n, true);
  view.setUint32(0x260, options.initSize ?? Math.max(0x100000, lengths.kernelLength * 2), true);
  view.setUint32(0x264, 0x190, true);
}

function writeText(image: Uint8Array, offset: number, text: string): void {
  image.set(Buffer.from(text, 'latin1'), offset);
}

/**
 * Branch filters and Delta: transformations that a compressor applied to make code or samples compress better,
 * undone here in place. "The .xz File Format" 5.3.2 (Branch/Call/Jump filters for executables) and 5.3.3
 * (Delta). A branch filter turned the relative targets of calls into absolute ones.
 * @module
 */
type Undo = (bytes: Uint8Array, start: number) => void;

/** Filter ids of 5.3.2 that are handled, with the alignment their start offset must have. */
export const BRANCH_FILTERS: ReadonlyMap<number, { readonly alignment: number; readonly undo: Undo }> =
  new Map([
    [0x04, { alignment: 1, undo: undoX86 }],
    [0x05, { alignment: 4, undo: undoPowerPc }],
    [0x07, { alignment: 4, undo: undoArm }],
    [0x08, { alignment: 2, undo: undoArmThumb }],
    [0x09, { alignment: 4, undo: undoSparc }],
    [0x0a, { alignment: 4, undo: undoArm64 }],
  ]);

/** Each byte becomes the sum of itself and the byte `distance` (1 to 256) before it. */
export function undoDelta(bytes: Uint8Array, distance: number): void {
  for (let at = distance; at < bytes.length; at++) bytes[at] = bytes[at]! + bytes[at - distance]!;
}

/**
 * The bytes before a candidate that also looked like an opcode, as a bit mask of the last three positions,
 * rule which candidates the encoder converted: it did not where operands might overlap.
 */
const MAY_CONVERT = [true, true, true, false, true, false, false, false];
/** Which operand byte the nearest earlier candidate shares with this one. */
const SHARED_BYTE = [0, 1, 2, 2, 3, 3, 3, 3];

/** CALL (e8) and JMP (e9) with a 32-bit displacement whose top byte is 00 or ff. */
function undoX86(bytes: Uint8Array, start: number): void {
  let mask = 0;
  let previous = -4;
  for (let at = 0; at + 4 < bytes.length; at++) {
    if ((bytes[at]! & 0xfe) !== 0xe8) continue;
    const gap = at - previous;
    previous = at;
    mask = gap > 3 ? 0 : (mask << (gap - 1)) & 7;
    const isBlocked = mask !== 0 && (!MAY_CONVERT[mask] || isSignByte(bytes[at + 4 - SHARED_BYTE[mask]!]!));
    if (isBlocked || !isSignByte(bytes[at + 4]!)) {
      mask = (mask << 1) | 1;
      continue;
    }
    const target = relativeX86(read32(bytes, at + 1), start + at + 5, mask);
    write32(bytes, at + 1, (target << 7) >> 7);
    at += 4;
  }
}

function relativeX86(absolute: number, next: number, mask: number): number {
  let source = absolute;
  for (;;) {
    const target = (source - next) | 0;
    if (mask === 0) return target;
    const shift = SHARED_BYTE[mask]! * 8;
    if (!isSignByte((target >>> (24 - shift)) & 0xff)) return target;
    source = target ^ ((1 << (32 - shift)) - 1);
  }
}

function isSignByte(byte: number): boolean {
  return byte === 0x00 || byte === 0xff;
}

/** `bl` with link and absolute bits 01. */
function undoPowerPc(bytes: Uint8Array, start: number): void {
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const word = read32be(bytes, at);
    if ((word & 0xfc000003) >>> 0 !== 0x48000001) continue;
    write32be(bytes, at, (word & 0xfc000003) | ((word - (start + at)) & 0x03fffffc));
  }
}

/** BL, condition "always"; the program counter is 8 ahead. */
function undoArm(bytes: Uint8Array, start: number): void {
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    if (bytes[at + 3] !== 0xeb) continue;
    const word = read32(bytes, at);
    write32(bytes, at, 0xeb000000 | ((word - ((start + at + 8) >>> 2)) & 0x00ffffff));
  }
}

/** The pair of halfwords that makes BL in Thumb; the program counter is 4 ahead. */
function undoArmThumb(bytes: Uint8Array, start: number): void {
  for (let at = 0; at + 4 <= bytes.length; at += 2) {
    if ((bytes[at + 1]! & 0xf8) !== 0xf0 || (bytes[at + 3]! & 0xf8) !== 0xf8) continue;
    const high = ((bytes[at + 1]! & 7) << 8) | bytes[at]!;
    const low = ((bytes[at + 3]! & 7) << 8) | bytes[at + 2]!;
    const halfwords = ((high << 11) | low) - ((start + at + 4) >>> 1);
    bytes[at] = halfwords >>> 11;
    bytes[at + 1] = 0xf0 | ((halfwords >>> 19) & 7);
    bytes[at + 2] = halfwords;
    bytes[at + 3] = 0xf8 | ((halfwords >>> 8) & 7);
    at += 2;
  }
}

/** CALL whose 30-bit displacement fits in 22 bits and a sign. */
function undoSparc(bytes: Uint8Array, start: number): void {
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const top = read32be(bytes, at) >>> 22;
    if (top !== 0x100 && top !== 0x1ff) continue;
    const words = ((read32be(bytes, at) - ((start + at) >>> 2)) << 9) >> 9;
    write32be(bytes, at, 0x40000000 | (words & 0x3fffffff));
  }
}

/** BL, and ADRP within 512 MiB. */
function undoArm64(bytes: Uint8Array, start: number): void {
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const word = read32(bytes, at);
    const address = start + at;
    if (word >>> 26 === 0x25) {
      write32(bytes, at, 0x94000000 | ((word - (address >>> 2)) & 0x03ffffff));
    } else if ((word & 0x9f000000) >>> 0 === 0x90000000) {
      const pages = ((word >>> 29) & 3) | ((word >>> 3) & 0x1ffffc);
      if (((pages + 0x020000) & 0x1c0000) !== 0) continue;
      const relative = pages - (address >>> 12);
      const sign = relative & 0x020000 ? 0xe00000 : 0;
      write32(bytes, at, (word & 0x9000001f) | ((relative & 3) << 29) | ((relative & 0x03fffc) << 3) | sign);
    }
  }
}

function read32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function write32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

function read32be(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

function write32be(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

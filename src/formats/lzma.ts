/**
 * LZMA: a range coder over adaptive bits, decoding literals and matches. The packet and state model is the one
 * of "LZMA specification" (Igor Pavlov, 2015); the sections named below are its headings. The containers are
 * in lzma-alone.ts and lzma2.ts.
 *
 * The output is its own dictionary: nothing is kept in a window, matches copy from what was already written.
 * @module
 */

/** The three numbers of "LZMA properties": bits of literal context, literal position and position. */
export interface LzmaProperties {
  readonly lc: number;
  readonly lp: number;
  readonly pb: number;
}

/** "Properties byte": (pb * 5 + lp) * 9 + lc. Undefined when out of range. */
export function parseLzmaProperties(value: number): LzmaProperties | undefined {
  if (value >= 9 * 5 * 5) return undefined;
  const rest = Math.floor(value / 9);
  return { lc: value % 9, lp: rest % 5, pb: Math.floor(rest / 5) };
}

// Where each group of adaptive bits lies in the one array of probabilities.
const STATES = 12;
const POSITION_STATES = 16;
const IS_MATCH = 0;
const IS_REP = IS_MATCH + STATES * POSITION_STATES;
const IS_REP_G0 = IS_REP + STATES;
const IS_REP_G1 = IS_REP_G0 + STATES;
const IS_REP_G2 = IS_REP_G1 + STATES;
const IS_REP0_LONG = IS_REP_G2 + STATES;
const DISTANCE_SLOT = IS_REP0_LONG + STATES * POSITION_STATES;
const DISTANCE_SPECIAL = DISTANCE_SLOT + 4 * 64;
const DISTANCE_ALIGN = DISTANCE_SPECIAL + 128;
const MATCH_LENGTH = DISTANCE_ALIGN + 16;
// A length coder: two choice bits, then 16 low trees of 3 bits, 16 middle trees of 3 bits, a high tree of 8.
const LENGTH_LOW = 2;
const LENGTH_MIDDLE = LENGTH_LOW + POSITION_STATES * 8;
const LENGTH_HIGH = LENGTH_MIDDLE + POSITION_STATES * 8;
const LENGTH_CODER_SIZE = LENGTH_HIGH + 256;
const REP_LENGTH = MATCH_LENGTH + LENGTH_CODER_SIZE;
const LITERAL = REP_LENGTH + LENGTH_CODER_SIZE;
const LITERAL_CODER_SIZE = 0x300;

const PROBABILITY_HALF = 1 << 10;
const MIN_MATCH_LENGTH = 2;
export const LZMA_LONGEST_MATCH = 273;

/** Everything a decoder remembers between packets. All numbers that the range coder uses are signed 32-bit. */
export interface LzmaDecoder {
  input: Uint8Array;
  inputPosition: number;
  inputEnd: number;
  range: number;
  code: number;
  probabilities: Uint16Array;
  literalContextBits: number;
  literalPositionMask: number;
  positionMask: number;
  state: number;
  rep0: number;
  rep1: number;
  rep2: number;
  rep3: number;
  /** Begins where the dictionary was last reset: positions and their contexts count from there. */
  output: Uint8Array;
  outputPosition: number;
  dictionarySize: number;
}

/** A decoder over `input`; set the properties and start the range coder before decoding. */
export function createLzmaDecoder(input: Uint8Array, dictionarySize: number): LzmaDecoder {
  return {
    input,
    inputPosition: 0,
    inputEnd: input.length,
    range: 0,
    code: 0,
    probabilities: new Uint16Array(0),
    literalContextBits: 0,
    literalPositionMask: 0,
    positionMask: 0,
    state: 0,
    rep0: 0,
    rep1: 0,
    rep2: 0,
    rep3: 0,
    output: new Uint8Array(0),
    outputPosition: 0,
    dictionarySize,
  };
}

/** Takes new properties and resets the state. */
export function setLzmaProperties(d: LzmaDecoder, properties: LzmaProperties): void {
  const size = LITERAL + (LITERAL_CODER_SIZE << (properties.lc + properties.lp));
  if (d.probabilities.length !== size) d.probabilities = new Uint16Array(size);
  d.literalContextBits = properties.lc;
  d.literalPositionMask = (1 << properties.lp) - 1;
  d.positionMask = (1 << properties.pb) - 1;
  resetLzmaState(d);
}

/** All probabilities to one half, no history of distances. */
export function resetLzmaState(d: LzmaDecoder): void {
  d.probabilities.fill(PROBABILITY_HALF);
  d.state = 0;
  d.rep0 = 0;
  d.rep1 = 0;
  d.rep2 = 0;
  d.rep3 = 0;
}

/** "Range decoder", initialization: five bytes, the first is zero. False when it is not. */
export function startRangeDecoder(d: LzmaDecoder): boolean {
  const { input, inputPosition: at } = d;
  d.range = -1;
  d.code = (input[at + 1]! << 24) | (input[at + 2]! << 16) | (input[at + 3]! << 8) | input[at + 4]!;
  d.inputPosition = at + 5;
  return input[at] === 0;
}

/** What ended a run of `decodeLzma`. */
export type LzmaOutcome =
  /** The output reached the position asked for. */
  | 'full'
  /** The end marker was met. */
  | 'end-marker'
  /** A packet needs bytes beyond `inputEnd`. */
  | 'input-short'
  /** A match reaches before the dictionary or beyond the end of `output`. */
  | 'bad-match';

/**
 * Decodes packets until the output position is `stop` or, by at most LZMA_LONGEST_MATCH - 1 bytes, beyond it.
 * Every packet writes at least one byte, so the run ends whatever the input is.
 */
export function decodeLzma(d: LzmaDecoder, stop: number): LzmaOutcome {
  while (d.outputPosition < stop) {
    if (d.inputPosition > d.inputEnd) return 'input-short';
    const positionState = d.outputPosition & d.positionMask;
    if (decodeBit(d, IS_MATCH + (d.state << 4) + positionState) === 0) {
      decodeLiteral(d);
      continue;
    }
    const length =
      decodeBit(d, IS_REP + d.state) === 0 ? decodeMatch(d, positionState) : decodeRep(d, positionState);
    if (length === 0) return d.inputPosition > d.inputEnd ? 'input-short' : 'end-marker';
    if (!copyMatch(d, length)) return 'bad-match';
  }
  return d.inputPosition > d.inputEnd ? 'input-short' : 'full';
}

/** "Range decoder", normalization: shifts a byte in when the range has become small. */
function normalizeRange(d: LzmaDecoder): void {
  if (d.range >>> 24 === 0) {
    d.range <<= 8;
    d.code = (d.code << 8) | d.input[d.inputPosition++]!;
  }
}

/** Nothing is left in the code: what an encoder's flush leaves behind the last packet. */
export function isRangeDecoderFinished(d: LzmaDecoder): boolean {
  normalizeRange(d);
  return d.code === 0;
}

/** "Bit decoding with a probability model". */
function decodeBit(d: LzmaDecoder, index: number): 0 | 1 {
  const probabilities = d.probabilities;
  normalizeRange(d);
  const probability = probabilities[index]!;
  const bound = Math.imul(d.range >>> 11, probability);
  if (d.code >>> 0 < bound >>> 0) {
    d.range = bound;
    probabilities[index] = probability + ((2048 - probability) >> 5);
    return 0;
  }
  d.range = (d.range - bound) | 0;
  d.code = (d.code - bound) | 0;
  probabilities[index] = probability - (probability >> 5);
  return 1;
}

/** "Direct bits": equally likely, not modelled. */
function decodeDirectBits(d: LzmaDecoder, count: number): number {
  let value = 0;
  for (let i = 0; i < count; i++) {
    normalizeRange(d);
    d.range >>>= 1;
    d.range |= 0;
    if (d.code >>> 0 >= d.range >>> 0) {
      d.code = (d.code - d.range) | 0;
      value = (value << 1) | 1;
    } else value <<= 1;
  }
  return value;
}

/** "Bit tree": the most significant bit first. */
function decodeTree(d: LzmaDecoder, base: number, bits: number): number {
  let node = 1;
  for (let i = 0; i < bits; i++) node = (node << 1) | decodeBit(d, base + node);
  return node - (1 << bits);
}

/** "Bit tree", reverse: the least significant bit first. */
function decodeReverseTree(d: LzmaDecoder, base: number, bits: number): number {
  let node = 1;
  let value = 0;
  for (let i = 0; i < bits; i++) {
    const bit = decodeBit(d, base + node);
    node = (node << 1) | bit;
    value |= bit << i;
  }
  return value;
}

/** "Literals": 8 bits, in the context of the byte before; after a match, also of the byte that did not match. */
function decodeLiteral(d: LzmaDecoder): void {
  const { output, outputPosition: at } = d;
  const previous = at > 0 ? output[at - 1]! : 0;
  const context =
    ((at & d.literalPositionMask) << d.literalContextBits) + (previous >> (8 - d.literalContextBits));
  const base = LITERAL + LITERAL_CODER_SIZE * context;
  let symbol = 1;
  if (d.state >= 7) {
    let matched = output[at - d.rep0 - 1]!;
    while (symbol < 0x100) {
      const expected = (matched >> 7) & 1;
      matched <<= 1;
      const bit = decodeBit(d, base + ((1 + expected) << 8) + symbol);
      symbol = (symbol << 1) | bit;
      if (bit !== expected) break;
    }
  }
  while (symbol < 0x100) symbol = (symbol << 1) | decodeBit(d, base + symbol);
  output[at] = symbol;
  d.outputPosition = at + 1;
  d.state = d.state < 4 ? 0 : d.state < 10 ? d.state - 3 : d.state - 6;
}

/** "Simple match": length and a new distance. Gives the length, 0 for the end marker. */
function decodeMatch(d: LzmaDecoder, positionState: number): number {
  d.rep3 = d.rep2;
  d.rep2 = d.rep1;
  d.rep1 = d.rep0;
  const length = decodeLength(d, MATCH_LENGTH, positionState);
  d.state = d.state < 7 ? 7 : 10;
  d.rep0 = decodeDistance(d, length);
  return d.rep0 === -1 ? 0 : length + MIN_MATCH_LENGTH;
}

/** "Rep match": one of the last four distances. Gives the length. */
function decodeRep(d: LzmaDecoder, positionState: number): number {
  if (decodeBit(d, IS_REP_G0 + d.state) === 0) {
    if (decodeBit(d, IS_REP0_LONG + (d.state << 4) + positionState) === 0) {
      d.state = d.state < 7 ? 9 : 11;
      return 1;
    }
  } else {
    let distance = d.rep1;
    if (decodeBit(d, IS_REP_G1 + d.state) !== 0) {
      if (decodeBit(d, IS_REP_G2 + d.state) === 0) distance = d.rep2;
      else {
        distance = d.rep3;
        d.rep3 = d.rep2;
      }
      d.rep2 = d.rep1;
    }
    d.rep1 = d.rep0;
    d.rep0 = distance;
  }
  d.state = d.state < 7 ? 8 : 11;
  return decodeLength(d, REP_LENGTH, positionState) + MIN_MATCH_LENGTH;
}

/** "Match length": without the minimum of two. */
function decodeLength(d: LzmaDecoder, base: number, positionState: number): number {
  if (decodeBit(d, base) === 0) return decodeTree(d, base + LENGTH_LOW + (positionState << 3), 3);
  if (decodeBit(d, base + 1) === 0) return 8 + decodeTree(d, base + LENGTH_MIDDLE + (positionState << 3), 3);
  return 16 + decodeTree(d, base + LENGTH_HIGH, 8);
}

/** "Match distance": zero is the byte just written, -1 the end marker; a signed 32-bit number. */
function decodeDistance(d: LzmaDecoder, length: number): number {
  const slot = decodeTree(d, DISTANCE_SLOT + (Math.min(length, 3) << 6), 6);
  if (slot < 4) return slot;
  const directBits = (slot >> 1) - 1;
  const distance = (2 | (slot & 1)) << directBits;
  if (slot < 14) return distance + decodeReverseTree(d, DISTANCE_SPECIAL + distance - slot, directBits);
  const middle = decodeDirectBits(d, directBits - 4) << 4;
  return (distance + middle + decodeReverseTree(d, DISTANCE_ALIGN, 4)) | 0;
}

/** Copies from the output to its end, byte by byte where source and target overlap. */
function copyMatch(d: LzmaDecoder, length: number): boolean {
  const { output, outputPosition: at } = d;
  const distance = (d.rep0 >>> 0) + 1;
  const end = at + length;
  if (distance > at || distance > d.dictionarySize || end > output.length) return false;
  if (length > 32 && distance >= length) output.copyWithin(at, at - distance, at - distance + length);
  else for (let to = at; to < end; to++) output[to] = output[to - distance]!;
  d.outputPosition = end;
  return true;
}

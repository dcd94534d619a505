/**
 * What a kernel's memory holds for an unwinder: kallsyms in its three encodings, and ORC tables in their layouts.
 * @module
 */

/** A symbol, sorted by address as the kernel has them. */
export interface SymbolSpec {
  readonly name: string;
  readonly address: bigint;
}

/** How kallsyms_offsets are encoded. */
export type AddressEncoding = 'absolute-percpu' | 'relative' | 'place-relative';

/** The tables, and the names under which VMCOREINFO tells them. */
export interface KallsymsTables {
  readonly names: Uint8Array;
  readonly tokenTable: Uint8Array;
  readonly tokenIndex: Uint8Array;
  /** @param at address of the table itself */
  readonly offsets: (at: bigint) => Uint8Array;
}

/** Tokens are the single characters, and `0x80` to `0x83` some pairs, as scripts/kallsyms.c would find them. */
const PAIRS = ['sy', '_s', 'st', 'ta'];

export function encodeKallsyms(
  symbols: readonly SymbolSpec[],
  encoding: AddressEncoding,
  relativeBase: bigint,
): KallsymsTables {
  const tokens = Array.from({ length: 256 }, (_none, byte) =>
    byte >= 0x80 && byte < 0x80 + PAIRS.length
      ? PAIRS[byte - 0x80]!
      : byte >= 0x20 && byte < 0x7f
        ? String.fromCharCode(byte)
        : '',
  );
  const tokenIndex = Buffer.alloc(512);
  let at = 0;
  for (const [token, text] of tokens.entries()) {
    tokenIndex.writeUInt16LE(at, token * 2);
    at += text.length + 1;
  }
  return {
    names: Buffer.concat(symbols.map(({ name }) => encodeName(`T${name}`))),
    tokenTable: Buffer.from(`${tokens.join('\0')}\0`, 'latin1'),
    tokenIndex,
    offsets: (table) => {
      const bytes = Buffer.alloc(symbols.length * 4);
      for (const [index, { address }] of symbols.entries())
        bytes.writeInt32LE(
          encodeOffset(address, { encoding, relativeBase, place: table + BigInt(index * 4) }),
          index * 4,
        );
      return bytes;
    },
  };
}

function encodeName(text: string): Uint8Array {
  const tokens: number[] = [];
  for (let at = 0; at < text.length; ) {
    const pair = PAIRS.indexOf(text.slice(at, at + 2));
    tokens.push(pair < 0 ? text.charCodeAt(at) : 0x80 + pair);
    at += pair < 0 ? 1 : 2;
  }
  const length = tokens.length < 0x80 ? [tokens.length] : [(tokens.length & 0x7f) | 0x80, tokens.length >> 7];
  return Uint8Array.from([...length, ...tokens]);
}

function encodeOffset(
  address: bigint,
  { encoding, relativeBase, place }: { encoding: AddressEncoding; relativeBase: bigint; place: bigint },
): number {
  if (encoding === 'place-relative') return Number(BigInt.asIntN(32, address - place));
  if (encoding === 'relative') return Number(BigInt.asIntN(32, address - relativeBase));
  // Below 2 GiB they are offsets of variables that each CPU has.
  return address < 1n << 31n ? Number(address) : Number(relativeBase - 1n - address);
}

/** What is so at an instruction and after it. */
export interface OrcSpec {
  readonly address: bigint;
  readonly sp: readonly [register: 'sp' | 'bp' | 'undefined', offset: number];
  readonly bp?: readonly [register: 'previous-sp', offset: number];
  readonly type: 'undefined' | 'end' | 'call' | 'regs' | 'regs-partial';
  /** Code that an exception interrupts; 6.1 does not say so. */
  readonly isSignal?: boolean;
}

/** The layouts of orc_entry by the release that brought them. */
export type OrcLayout = '6.1' | '6.3' | '6.4' | '7.2';

const REGISTERS = {
  old: { undefined: 0, 'previous-sp': 1, bp: 4, sp: 5 },
  new: { undefined: 0, 'previous-sp': 8, bp: 4, sp: 3 },
} as const;
const NEW_TYPES = { undefined: 0, end: 1, call: 2, regs: 3, 'regs-partial': 4 } as const;
const SIGNAL_BITS = { '6.1': 0, '6.3': 4, '6.4': 8, '7.2': 8 } as const;
const OLD_TYPES = { undefined: 0, end: 0, call: 0, regs: 1, 'regs-partial': 2 } as const;

/** @param at address of the table of instruction addresses */
export function encodeOrc(
  entries: readonly OrcSpec[],
  layout: OrcLayout,
  at: bigint,
): { readonly addresses: Uint8Array; readonly entries: Uint8Array } {
  const addresses = Buffer.alloc(entries.length * 4);
  const bytes = Buffer.alloc(entries.length * 6);
  const names = REGISTERS[layout === '7.2' ? 'new' : 'old'];
  for (const [index, { address, sp, bp, type, isSignal }] of entries.entries()) {
    addresses.writeInt32LE(Number(address - (at + BigInt(index * 4))), index * 4);
    bytes.writeInt16LE(sp[1], index * 6);
    bytes.writeInt16LE(bp?.[1] ?? 0, index * 6 + 2);
    bytes[index * 6 + 4] = names[sp[0]] | (bp === undefined ? 0 : names[bp[0]] << 4);
    bytes[index * 6 + 5] = encodeType(type, layout) | (isSignal ? SIGNAL_BITS[layout] : 0);
  }
  return { addresses, entries: bytes };
}

function encodeType(type: OrcSpec['type'], layout: OrcLayout): number {
  if (layout === '6.4' || layout === '7.2') return NEW_TYPES[type];
  const endBit = layout === '6.3' ? 8 : 4;
  return OLD_TYPES[type] | (type === 'end' ? endBit : 0);
}

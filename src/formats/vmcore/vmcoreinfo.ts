/**
 * VMCOREINFO: what the kernel tells about itself for whoever reads its dump.
 * Specification: linux Documentation/admin-guide/kdump/vmcoreinfo.rst; lines of KEY=VALUE.
 * @module
 */
import { KhopError } from '../../error.ts';
import { printableText } from '../printable-text.ts';

/** The lines by key. */
export type Vmcoreinfo = ReadonlyMap<string, string>;

/** The last line may lack its newline, or be cut: the kernel gives all of it one page. */
export function parseVmcoreinfo(bytes: Uint8Array): Vmcoreinfo {
  const text = Buffer.from(bytes)
    .toString('latin1')
    .replace(/\0[\s\S]*$/, '');
  return new Map(
    text.split('\n').flatMap((line): [string, string][] => {
      const equals = line.indexOf('=');
      return equals < 1 ? [] : [[line.slice(0, equals), printableText(line.slice(equals + 1))]];
    }),
  );
}

/** A virtual address; hexadecimal without 0x. */
export function symbolAddress(info: Vmcoreinfo, name: string): bigint | undefined {
  return parse(info.get(`SYMBOL(${name})`), /^(?:0x)?([0-9a-f]{1,16})$/i, '0x');
}

/** NUMBER(name), decimal with its sign, or hexadecimal with 0x. */
export function numberValue(info: Vmcoreinfo, name: string): bigint | undefined {
  const text = info.get(`NUMBER(${name})`);
  if (text?.startsWith('-')) {
    const value = parse(text.slice(1), /^(\d{1,20})$/, '');
    return value === undefined ? undefined : -value;
  }
  return text?.startsWith('0x')
    ? parse(text.slice(2), /^([0-9a-f]{1,16})$/i, '0x')
    : parse(text, /^(\d{1,20})$/, '');
}

/** Bytes from the start of a structure, `OFFSET(structure.member)`. */
export function memberOffset(info: Vmcoreinfo, name: string): number | undefined {
  return smallNumber(info.get(`OFFSET(${name})`));
}

/** Bytes of a structure, `SIZE(structure)`. */
export function structureSize(info: Vmcoreinfo, name: string): number | undefined {
  return smallNumber(info.get(`SIZE(${name})`));
}

/** @throws E_UNSUPPORTED when the kernel does not say it: an old one, or a cut note */
export function requireKnown<T>(value: T | undefined, what: string): T {
  if (value !== undefined) return value;
  throw new KhopError('E_UNSUPPORTED', `VMCOREINFO of this dump does not tell ${what}`, {
    hint: 'Use the debugging information of this very kernel with crash or drgn instead.',
  });
}

function parse(text: string | undefined, form: RegExp, prefix: string): bigint | undefined {
  const digits = text === undefined ? undefined : form.exec(text)?.[1];
  return digits === undefined ? undefined : BigInt(`${prefix}${digits}`);
}

/** Structures that khop reads out of a dump are smaller than this. */
const LARGEST_OFFSET = 65_536;

function smallNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,5}$/.test(text) && Number(text) < LARGEST_OFFSET
    ? Number(text)
    : undefined;
}

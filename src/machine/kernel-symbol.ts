/**
 * Addresses of the running kernel's symbols, from /proc/kallsyms: `ffffffffa1b2c3d8 B name` a line, those of modules
 * with `\t[module]` behind them, and after all others (kernel/kallsyms.c, s_show). Zero stands for an address that may not
 * be known (kernel.kptr_restrict). Variables are listed with CONFIG_KALLSYMS_ALL.
 * @module
 */
import { readSync } from 'node:fs';
import type { Reading } from './reading.ts';
import { readOpened } from './source.ts';

const PATH = '/proc/kallsyms';
const PIECE_BYTES = 64 * 1024;
/** Ten times what the largest kernels have. */
const LIMIT_BYTES = 128 * 1024 * 1024;
const LINE_END = 0x0a;

/** Reads no further than to the symbol: the file has 100,000 lines and more. */
export function readKernelSymbol(root: string, name: string): Reading<bigint> {
  const unreadable = (reason: string): Reading<bigint> => ({ state: 'unreadable', source: PATH, reason });
  const line = readOpened(root, PATH, (descriptor) => findLine(descriptor, Buffer.from(` ${name}\n`)));
  if (line.state !== 'read') return line;
  if (line.value === undefined) return unreadable(`it does not name ${name}`);
  const address = /^([0-9a-f]{1,16}) \S$/.exec(line.value)?.[1];
  if (address === undefined) return unreadable('its content is not understood');
  const value = BigInt(`0x${address}`);
  return value === 0n
    ? unreadable('it hides addresses (kernel.kptr_restrict)')
    : { state: 'read', value, source: PATH };
}

/** What is before `ending` in the line that ends with it, a piece at a time. */
function findLine(descriptor: number, ending: Buffer): string | undefined {
  const piece = Buffer.alloc(PIECE_BYTES);
  let [begun, total] = [0, 0];
  while (begun < piece.length && total < LIMIT_BYTES) {
    const count = readSync(descriptor, piece, begun, piece.length - begun, null);
    if (count === 0) return undefined;
    total += count;
    const read = piece.subarray(0, begun + count);
    const at = read.indexOf(ending);
    if (at >= 0) return read.toString('latin1', read.lastIndexOf(LINE_END, at) + 1, at);
    if (read.includes('\t[')) return undefined;
    const rest = read.subarray(read.lastIndexOf(LINE_END) + 1);
    piece.set(rest);
    begun = rest.length;
  }
  return undefined;
}

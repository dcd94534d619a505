/**
 * The first bytes of block devices: signatures that no file of /proc or /sys tells of.
 * @module
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { LuksToken } from './facts.ts';
import { type Reading, valueOf } from './reading.ts';
import { linesOf, readNames, readText } from './source.ts';

/** `length` bytes from `offset` of a device or file; fewer at its end. */
function readDevice(path: string, offset: number, length: number): Uint8Array {
  const descriptor = openSync(path, 'r');
  try {
    const bytes = new Uint8Array(length);
    return bytes.subarray(0, readSync(descriptor, bytes, 0, length, offset));
  } finally {
    closeSync(descriptor);
  }
}

/** linux/swap.h, union swap_header: the signature is the last 10 bytes of the first page. */
const SWAP_PAGE = 4096;
const SUSPENDED = 'S1SUSPEND';

/** Active swap devices that hold an image to resume from, as /dev paths. */
export function readHibernationImages(root: string): Reading<readonly string[]> {
  const swaps = readText(root, '/proc/swaps');
  if (swaps.state !== 'read') return swaps;
  const devices = linesOf(swaps.value)
    .slice(1)
    .map((line) => line.split(/\s+/)[0]!)
    .filter((path) => path.startsWith('/dev/'));
  const images: string[] = [];
  for (const device of devices) {
    try {
      const tail = readDevice(join(root, device), SWAP_PAGE - 10, 10);
      if (Buffer.from(tail).toString('latin1').startsWith(SUSPENDED)) images.push(device);
    } catch (error) {
      return { state: 'unreadable', source: device, reason: (error as Error).message };
    }
  }
  return { state: 'read', value: images, source: swaps.source };
}

/** LUKS2 on-disk format 1.1, 2.1: JSON text between 4096 and hdr_size (here at most 4 MiB). */
const LUKS2_JSON_OFFSET = 4096;
const LUKS2_HEADER_LIMIT = 4 * 1024 * 1024;

/** Tokens of the LUKS2 volumes below open mappings; absent without any. */
export function readLuksTokens(root: string): Reading<readonly LuksToken[]> {
  const blocks = readNames(root, '/sys/class/block');
  if (blocks.state !== 'read') return blocks;
  const volumes = blocks.value.filter((name) =>
    (valueOf(readText(root, `/sys/class/block/${name}/dm/uuid`)) ?? '').startsWith('CRYPT-LUKS2'),
  );
  const source = '/sys/class/block/dm-*/dm/uuid';
  if (volumes.length === 0) return { state: 'absent', source };
  const devices = volumes.flatMap(
    (name) => valueOf(readNames(root, `/sys/class/block/${name}/slaves`)) ?? [],
  );
  const tokens: LuksToken[] = [];
  for (const device of devices) {
    try {
      tokens.push(...tokensOf(root, device));
    } catch (error) {
      return { state: 'unreadable', source: `/dev/${device}`, reason: (error as Error).message };
    }
  }
  return { state: 'read', value: tokens, source };
}

function tokensOf(root: string, device: string): LuksToken[] {
  const bytes = readDevice(join(root, 'dev', device), LUKS2_JSON_OFFSET, LUKS2_HEADER_LIMIT);
  const end = bytes.indexOf(0);
  const text = Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('utf8');
  const parsed = JSON.parse(text) as { tokens?: Record<string, { type?: string }> };
  return Object.values(parsed.tokens ?? {}).flatMap(({ type }) =>
    type === undefined ? [] : [{ device, type }],
  );
}

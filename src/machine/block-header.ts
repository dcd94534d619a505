/**
 * The first bytes of swap devices: whether a suspended system waits there is in no file of /proc or /sys.
 * @module
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { type Reading, valueOf } from './reading.ts';
import { linesOf, mapReading, readLinkName, readText } from './source.ts';

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

/** linux/swap.h, union swap_header: the signature is the last 10 bytes of the first page, whatever its size. */
const SWAP_PAGES = [4096, 16384, 65536];
const SUSPENDED = 'S1SUSPEND';

/**
 * Swap devices that hold an image to resume from, as /dev paths. One that is in use holds none: swapon writes
 * a new signature over it. So those of fstab and of the kernel's own resume device are looked at as well.
 */
export function readHibernationImages(root: string): Reading<readonly string[]> {
  const source = '/proc/swaps, /etc/fstab and /sys/power/resume';
  const lists = [activeSwaps(root), fstabSwaps(root), resumeDevice(root)];
  const hidden = lists.find((list) => list.state === 'unreadable');
  if (hidden !== undefined) return hidden;
  const images: string[] = [];
  for (const device of new Set(lists.flatMap((list) => valueOf(list) ?? []))) {
    try {
      if (isSuspended(join(root, device))) images.push(device);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      // fstab may name disks that are not plugged in.
      if (code === 'ENOENT' || code === 'ENXIO' || code === 'ENOMEDIUM') continue;
      return { state: 'unreadable', source: device, reason: code };
    }
  }
  return { state: 'read', value: images, source };
}

function isSuspended(path: string): boolean {
  return SWAP_PAGES.some((page) => {
    const tail = readDevice(path, page - 10, 10);
    return Buffer.from(tail).toString('latin1').startsWith(SUSPENDED);
  });
}

function activeSwaps(root: string): Reading<readonly string[]> {
  return mapReading(readText(root, '/proc/swaps'), (text) =>
    linesOf(text)
      .slice(1)
      .map((line) => line.split(/\s+/)[0]!)
      .filter((path) => path.startsWith('/dev/')),
  );
}

/** fstab(5): the third field is `swap`; the first a path, or a tag that udev has a link for. */
function fstabSwaps(root: string): Reading<readonly string[]> {
  return mapReading(readText(root, '/etc/fstab'), (text) =>
    linesOf(text)
      .map((line) => line.trim().split(/\s+/))
      .filter(([device, , type]) => type === 'swap' && device?.startsWith('#') === false)
      .map(([device]) => devicePath(device!))
      .filter((path) => path.startsWith('/dev/')),
  );
}

function devicePath(name: string): string {
  const tag = /^(UUID|LABEL|PARTUUID|PARTLABEL)="?([^"]*)"?$/.exec(name);
  return tag === null ? name : `/dev/disk/by-${tag[1]!.toLowerCase()}/${tag[2]}`;
}

/** `254:3`; `0:0` when there is none. */
function resumeDevice(root: string): Reading<readonly string[]> {
  return mapReading(readText(root, '/sys/power/resume'), (numbers) => {
    if (!/^\d+:\d+$/.test(numbers)) return undefined;
    const name = valueOf(readLinkName(root, `/sys/dev/block/${numbers}`));
    return name === undefined ? [] : [`/dev/${name}`];
  });
}

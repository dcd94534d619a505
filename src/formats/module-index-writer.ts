/**
 * Writes depmod's binary indexes. The layout is described in module-index.ts, which reads them.
 * @module
 */
import { KhopError } from '../error.ts';
import {
  HAS_CHILDREN,
  HAS_PREFIX,
  HAS_VALUES,
  MODULE_INDEX_MAGIC,
  MODULE_INDEX_VERSION,
  type ModuleIndexEntry,
  OFFSET_MASK,
} from './module-index.ts';

const HEADER_SIZE = 12;

/**
 * The index of `entries`; the same entries give the same bytes.
 * @throws E_FORMAT for a key or value with a NUL, and beyond 256 MiB
 */
export function encodeModuleIndex(entries: readonly ModuleIndexEntry[]): Uint8Array {
  for (const { key, value } of entries)
    if (/[^\x01-\xff]/.test(key + value)) refuse(`the entry of ${key} has characters that it cannot hold`);
  const sorted = entries.toSorted((a, b) => compareText(a.key, b.key) || a.priority - b.priority);
  const chunks: Uint8Array[] = [];
  const writer: NodeWriter = {
    end: HEADER_SIZE,
    append(bytes) {
      const at = writer.end;
      writer.end += bytes.length;
      if (writer.end > OFFSET_MASK) refuse('there are more entries than it can hold');
      chunks.push(bytes);
      return at;
    },
  };
  const root = writeNode(sorted, 0, writer);
  return new Uint8Array(Buffer.concat([numbers(MODULE_INDEX_MAGIC, MODULE_INDEX_VERSION, root), ...chunks]));
}

interface NodeWriter {
  end: number;
  /** @returns where the bytes are */
  append(bytes: Uint8Array): number;
}

/**
 * The node of all `entries`, sorted, which have their first `depth` characters in common; its children go in
 * front of it. @returns its place, with its flags
 */
function writeNode(entries: readonly ModuleIndexEntry[], depth: number, writer: NodeWriter): number {
  const [first, last] = [entries[0]?.key ?? '', entries.at(-1)?.key ?? ''];
  let end = depth;
  while (end < first.length && first[end] === last[end]) end++;
  // The shorter key sorts first, so these are in front.
  const own = entries.filter(({ key }) => key.length === end);
  const places = new Map<number, number>();
  for (const group of groupsAt(entries.slice(own.length), end))
    places.set(group[0]!.key.charCodeAt(end), writeNode(group, end + 1, writer));
  const parts: Uint8Array[] = [Buffer.from(end > depth ? `${first.slice(depth, end)}\0` : '', 'latin1')];
  if (places.size > 0) parts.push(encodeChildren(places));
  if (own.length > 0) parts.push(numbers(own.length));
  for (const { priority, value } of own) parts.push(numbers(priority), Buffer.from(`${value}\0`, 'latin1'));
  const flags =
    (end > depth ? HAS_PREFIX : 0) + (own.length > 0 ? HAS_VALUES : 0) + (places.size > 0 ? HAS_CHILDREN : 0);
  return flags + writer.append(Buffer.concat(parts));
}

/** Runs of the same character at `position`. */
function groupsAt(entries: readonly ModuleIndexEntry[], position: number): ModuleIndexEntry[][] {
  const groups: ModuleIndexEntry[][] = [];
  for (const entry of entries) {
    const group = groups.at(-1);
    if (group?.[0]?.key[position] === entry.key[position]) group!.push(entry);
    else groups.push([entry]);
  }
  return groups;
}

/** `first`, `last`, and a place for every byte between; 0 where there is no child. */
function encodeChildren(places: ReadonlyMap<number, number>): Uint8Array {
  const first = Math.min(...places.keys());
  const last = Math.max(...places.keys());
  const slots = Array.from({ length: last - first + 1 }, (_, index) => places.get(first + index) ?? 0);
  return Buffer.concat([Uint8Array.of(first, last), numbers(...slots)]);
}

function numbers(...values: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  for (const [index, value] of values.entries()) view.setUint32(4 * index, value);
  return new Uint8Array(view.buffer);
}

/** By code units, which are bytes here: as depmod sorts. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function refuse(problem: string): never {
  throw new KhopError('E_FORMAT', `module index: ${problem}`, {
    hint: 'Make the initramfs anew with update-initramfs, dracut or mkinitcpio.',
  });
}

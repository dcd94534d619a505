/**
 * Reading security.ima of a file: getxattr(2).
 * @module
 */
import { KhopError } from '../error.ts';
import { type ImaAttribute, parseImaAttribute } from '../formats/ima-attribute.ts';
import { formatErrno } from './errno.ts';
import type { Reading } from './reading.ts';
import { textArgument, trySyscall } from './syscall.ts';

/** include/uapi/linux/limits.h: no attribute is longer. */
const XATTR_SIZE_MAX = 65_536;

/**
 * `unsupported`: the file system has no such attributes (vfat, and so most EFI system partitions), and no file on
 * it can be signed for IMA.
 */
export type ImaMark = ImaAttribute | { readonly kind: 'unsupported' };

/** Absent: the file has none. Links are followed, as they are when the file is opened to be loaded. */
export function readImaMark(path: string): Reading<ImaMark> {
  const source = `security.ima of ${path}`;
  const value = new Uint8Array(XATTR_SIZE_MAX);
  const outcome = trySyscall(
    'getxattr',
    textArgument('path', path),
    textArgument('name', 'security.ima'),
    { name: 'value', value },
    { name: 'size', value: value.length },
  );
  if (outcome.ok) return parsed(value.subarray(0, Number(outcome.value)), source);
  if (outcome.name === 'ENODATA') return { state: 'absent', source };
  if (outcome.name === 'EOPNOTSUPP') return { state: 'read', value: { kind: 'unsupported' }, source };
  return { state: 'unreadable', source, reason: formatErrno(outcome.errno) };
}

function parsed(bytes: Uint8Array, source: string): Reading<ImaMark> {
  try {
    return { state: 'read', value: parseImaAttribute(bytes), source };
  } catch (error) {
    if (error instanceof KhopError) return { state: 'unreadable', source, reason: error.message };
    throw error;
  }
}

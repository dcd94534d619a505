/**
 * Reading one file or folder of /proc, /sys, /dev or /etc below a root folder. Nothing here throws for a bad
 * source: not there is `absent`, everything else that goes wrong is `unreadable` with the errno's name.
 * @module
 */
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Reading } from './reading.ts';

const ABSENT = new Set(['ENOENT', 'ENOTDIR', 'ENODEV', 'ENXIO']);

function readSource<T>(source: string, read: () => T): Reading<T> {
  try {
    return { state: 'read', value: read(), source };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return ABSENT.has(code) ? { state: 'absent', source } : { state: 'unreadable', source, reason: code };
  }
}

/** The bytes of `path`; `source` of the reading is `path` without the root. */
export function readBytes(root: string, path: string): Reading<Uint8Array> {
  return readSource(path, () => new Uint8Array(readFileSync(join(root, path))));
}

/** What `read` makes of the open file, which is closed afterwards. */
export function readOpened<T>(root: string, path: string, read: (descriptor: number) => T): Reading<T> {
  return readSource(path, () => {
    const descriptor = openSync(join(root, path), 'r');
    try {
      return read(descriptor);
    } finally {
      closeSync(descriptor);
    }
  });
}

/** `length` bytes from `offset` of a device or file; fewer at its end. */
export function readDeviceBytes(
  root: string,
  path: string,
  offset: number | bigint,
  length: number,
): Reading<Uint8Array> {
  return readOpened(root, path, (descriptor) => {
    const bytes = new Uint8Array(length);
    return bytes.subarray(0, readSync(descriptor, bytes, 0, length, offset));
  });
}

/** The text of `path`, without white space around it. */
export function readText(root: string, path: string): Reading<string> {
  return readSource(path, () => readFileSync(join(root, path), 'utf8').trim());
}

/** The names in folder `path`, sorted. */
export function readNames(root: string, path: string): Reading<readonly string[]> {
  return readSource(path, () => readdirSync(join(root, path)).sort());
}

/** The last part of where the link `path` leads: how sysfs names a device's driver. */
export function readLinkName(root: string, path: string): Reading<string> {
  return readSource(path, () => basename(readlinkSync(join(root, path))));
}

/** What `read` makes of the value; undefined makes it unreadable, as text that is not what it should be. */
export function mapReading<T, U>(reading: Reading<T>, read: (value: T) => U | undefined): Reading<U> {
  if (reading.state !== 'read') return reading;
  const { source } = reading;
  const value = read(reading.value);
  return value === undefined
    ? { state: 'unreadable', source, reason: 'its content is not understood' }
    : { state: 'read', value, source };
}

/** The first reading that is not absent, or the last one. */
export function firstPresent<T>(...readings: readonly [Reading<T>, ...Reading<T>[]]): Reading<T> {
  return readings.find((reading) => reading.state !== 'absent') ?? readings.at(-1)!;
}

/** Non-empty lines. */
export function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}

/** A decimal, or 0x-hexadecimal, number. */
export function integerOf(text: string): number | undefined {
  return /^(-?\d+|0x[0-9a-f]+)$/i.test(text) ? Number(text) : undefined;
}

/** As `integerOf`, of any size. */
export function bigintOf(text: string): bigint | undefined {
  return /^(\d+|0x[0-9a-f]+)$/i.test(text) ? BigInt(text) : undefined;
}

/** `0`/`N`/`n` and `1`/`Y`/`y`. */
export function booleanOf(text: string): boolean | undefined {
  return /^[1Yy]$/.test(text) ? true : /^[0Nn]$/.test(text) ? false : undefined;
}

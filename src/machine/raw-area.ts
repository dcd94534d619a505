/**
 * A partition that khop keeps reports in, without a file system.
 * @module
 */
import { closeSync, constants, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import { KhopError } from '../error.ts';
import {
  encodeRawLabel,
  RAW_REPORT,
  RAW_REPORT_LIMIT,
  type RawReport,
  rawReportSize,
  readRawLabel,
  readRawReport,
} from '../formats/raw-report.ts';
import { type Reading, valueOf } from './reading.ts';
import { linesOf, readLinkName, readNames, readText } from './source.ts';
import { modulesOfDevice } from './storage.ts';

/** What a label is written over: only nothing at all. */
const EMPTY_BYTES = 1024 * 1024;

/** What is in a partition now. */
export type RawAreaState =
  | { readonly state: 'ours'; readonly id: Uint8Array }
  | { readonly state: 'empty' }
  | { readonly state: 'foreign' };

/** The device of a GPT partition, `/dev/vda3`, as the system below `root` calls it. @param partition its PARTUUID in lower case */
export function findPartition(root: string, partition: string): Reading<string> {
  const link = `/dev/disk/by-partuuid/${partition}`;
  const name = valueOf(readLinkName(root, link)) ?? partitionByEvent(root, partition);
  return name === undefined
    ? { state: 'absent', source: link }
    : { state: 'read', value: `/dev/${name}`, source: link };
}

/** Without udev: the kernel itself says PARTUUID= since 6.10. */
function partitionByEvent(root: string, partition: string): string | undefined {
  const folder = '/sys/class/block';
  return (valueOf(readNames(root, folder)) ?? []).find((name) =>
    linesOf(valueOf(readText(root, `${folder}/${name}/uevent`)) ?? '').includes(`PARTUUID=${partition}`),
  );
}

/** Modules of the drivers of its disk. @param device `/dev/vda3` */
export function modulesOfPartition(root: string, device: string): Reading<readonly string[]> {
  const source = `/sys/class/block/${basename(device)}`;
  const modules = modulesOfDevice(root, source);
  return modules === undefined
    ? { state: 'unreadable', source, reason: `${device} comes up only with programs of user space` }
    : { state: 'read', value: modules, source };
}

/** @throws E_REFUSED when something uses the device or it is too small; E_UNREADABLE */
export function readRawArea(path: string): RawAreaState {
  const bytes = withDevice(path, constants.O_RDONLY | constants.O_EXCL, (fd) => readAt(fd, 0, EMPTY_BYTES));
  if (bytes.length < EMPTY_BYTES)
    throw new KhopError('E_REFUSED', `${path} is smaller than a report may be`, {
      hint: 'Make it 16 MiB at least.',
    });
  const id = readRawLabel(bytes);
  if (id !== undefined) return { state: 'ours', id };
  return { state: bytes.every((byte) => byte === 0) ? 'empty' : 'foreign' };
}

/** Makes an empty partition khop's, durably. @throws E_REFUSED when it is not empty any more; E_UNREADABLE */
export function labelRawArea(path: string, id: Uint8Array): void {
  const { state } = readRawArea(path);
  if (state !== 'empty')
    throw new KhopError('E_REFUSED', `${path} is not empty any more`, { hint: 'Nothing was written to it.' });
  withDevice(path, constants.O_RDWR | constants.O_EXCL, (fd) =>
    writeAt(fd, RAW_REPORT.label, encodeRawLabel(id)),
  );
}

/** The report in an area that is khop's. @throws E_UNREADABLE */
export function readRawAreaReport(path: string): RawReport {
  return withDevice(path, constants.O_RDONLY, (fd) => {
    const head = readAt(fd, 0, RAW_REPORT.files);
    if (readRawLabel(head) === undefined || head.length < RAW_REPORT.files) return { state: 'empty' };
    const size = rawReportSize(head);
    return size === undefined
      ? { state: 'empty' }
      : readRawReport(readAt(fd, 0, Math.min(size, RAW_REPORT_LIMIT)));
  });
}

/** Writes zeros over the report, durably: it is somewhere else now. @throws E_UNREADABLE */
export function eraseRawAreaReport(path: string): void {
  withDevice(path, constants.O_RDWR, (fd) => {
    const size = rawReportSize(readAt(fd, 0, RAW_REPORT.files)) ?? RAW_REPORT.files;
    // The record first: a power cut must not leave it with files that are gone.
    writeAt(fd, RAW_REPORT.record, new Uint8Array(RAW_REPORT.files - RAW_REPORT.record));
    writeAt(fd, RAW_REPORT.files, new Uint8Array(size - RAW_REPORT.files));
  });
}

function readAt(fd: number, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let done = 0;
  for (let got = 1; got > 0 && done < length; done += got)
    got = readSync(fd, bytes, done, length - done, offset + done);
  return bytes.subarray(0, done);
}

function writeAt(fd: number, offset: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; )
    done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
  fsyncSync(fd);
}

/** O_EXCL without O_CREAT: a block device that is mounted or part of another is busy, open(2). */
function withDevice<T>(path: string, flags: number, work: (fd: number) => T): T {
  let fd: number | undefined;
  try {
    fd = openSync(path, flags);
    return work(fd);
  } catch (error) {
    if (error instanceof KhopError) throw error;
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    if (reason === 'EBUSY')
      throw new KhopError('E_REFUSED', `${path} is in use`, { hint: 'Name a partition that nothing uses.' });
    throw new KhopError('E_UNREADABLE', `${path} cannot be used: ${reason}`, {
      hint: 'Check that the partition exists and that khop runs as root.',
      cause: error,
    });
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

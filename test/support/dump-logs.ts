/**
 * What khop reads out of a dump, for comparison with what other tools read.
 * @module
 */
import assert from 'node:assert/strict';
import { readCrashLog } from '../../src/formats/vmcore/crash-log.ts';
import { findVmcoreinfo } from '../../src/formats/vmcore/find-vmcoreinfo.ts';
import { type KernelMemory, openKernelMemory } from '../../src/formats/vmcore/kernel-memory.ts';
import { formatLogRecord } from '../../src/formats/vmcore/log-record.ts';
import { openDump } from '../../src/formats/vmcore/open-dump.ts';
import { openSourceFile } from '../../src/machine/source-file.ts';

/** Lends the memory of the dump `path`, which has to be without a fault, to `work`. */
export function withKernel<T>(path: string, work: (memory: KernelMemory) => T): T {
  using file = openSourceFile(path);
  const dump = openDump(file);
  assert.deepEqual(dump.problems, [], path);
  return work(openKernelMemory({ ...dump, vmcoreinfo: dump.vmcoreinfo ?? findVmcoreinfo(dump) }));
}

/** What `khop vmcore dmesg` prints for it; no record may be lost. */
export function logOf(path: string): string {
  return withKernel(path, (memory) => {
    const { records, lost } = readCrashLog(memory);
    assert.deepEqual(lost, [], path);
    return `${records.map((record) => formatLogRecord(record)).join('\n')}\n`;
  });
}

/** Names the first line that differs: a diff of logs takes minutes. */
export function assertSameLog(actual: string, expected: string, whose: string): void {
  const [ours, theirs] = [actual.split('\n'), expected.split('\n')];
  const at = ours.findIndex((line, index) => line !== theirs[index]);
  assert.ok(at < 0, `${whose}, line ${at + 1}: ${ours[at]} | ${theirs[at]}`);
  assert.ok(ours.length === theirs.length, `${whose}: ${ours.length} lines, not ${theirs.length}`);
}

/**
 * A prepared kernel as text.
 * @module
 */
import type { PrepareOutcome } from '../../prepare/prepare-kernel.ts';
import type { PreparedEntry } from '../../prepare/prepared-store.ts';
import { renderBytes, renderMilliseconds, renderTime } from './quantity.ts';
import { renderTable } from './table.ts';

/** What there is now, part by part, and what could not be prepared with the reason. */
export function renderPrepared({ folder, record, wasThere }: PrepareOutcome): string {
  const what = record.release ?? record.image.path;
  return [
    wasThere ? `${what} is prepared already.` : `Prepared ${what} in ${renderMilliseconds(record.tookMs)}.`,
    `  kernel     ${describeKernel(record)}`,
    `  initramfs  ${describeInitramfs(record)}`,
    `  kept in    ${folder}`,
  ].join('\n');
}

/** All that is prepared, one row each. */
export function renderEntries(entries: readonly (PreparedEntry & { readonly isFresh: boolean })[]): string {
  if (entries.length === 0) return 'Nothing is prepared. Next: khop prepare';
  const rows = entries.map(({ record, isFresh }) => [
    renderTime(record.madeAtMs),
    record.release ?? record.image.path,
    record.kernel === null ? 'not unpacked' : `unpacked, ${renderBytes(record.kernel.image.size)}`,
    record.initramfs === null ? 'none' : `${renderBytes(record.initramfs.file.size)}`,
    isFresh ? 'fresh' : 'its files have changed: khop prepare --prune',
  ]);
  return renderTable([['WHEN', 'KERNEL', 'IMAGE', 'INITRAMFS', 'STATE'], ...rows]);
}

function describeKernel({ kernel, kernelObstacle }: PrepareOutcome['record']): string {
  if (kernel === null) return `not prepared: ${kernelObstacle}`;
  const kaslr = kernel.relocations.size > 0 ? 'random addresses at every load' : 'no KASLR in this kernel';
  return `unpacked, ${renderBytes(kernel.image.size)}; ${kaslr}`;
}

function describeInitramfs({ initramfs, initramfsObstacle }: PrepareOutcome['record']): string {
  if (initramfs === null) return `not prepared: ${initramfsObstacle ?? 'there is none'}`;
  const { file, packing, unpackedBytes, trimmed, untrimmedBecause } = initramfs;
  const packed = packing === 'lz4' ? 'packed with lz4' : 'not compressed';
  const trim =
    trimmed === null
      ? `complete: ${untrimmedBecause}`
      : `without ${trimmed.modules} modules and ${trimmed.firmware} firmware files that this machine does not use${namesClause(trimmed.hardwareNames)}`;
  return `${renderBytes(unpackedBytes)} -> ${renderBytes(file.size)}, ${packed}; ${trim}`;
}

function namesClause(bytes: number): string {
  return bytes === 0 ? '' : `, and without ${renderBytes(bytes)} of names of hardware`;
}

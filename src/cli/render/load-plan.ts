/**
 * A LoadPlan as text: the same facts as its JSON, for reading.
 * @module
 */
import type { MemoryMap } from '../../formats/memory-map.ts';
import { rangeSize } from '../../formats/range.ts';
import type { LoadPlan } from '../../plan/load-plan.ts';
import type { CliContext } from '../context.ts';
import { renderBytes } from './quantity.ts';
import { renderTable } from './table.ts';

/** Kernel, method with its reason, command line, segments or files, memory map and notes. */
export function renderLoadPlan(plan: LoadPlan, context: Pick<CliContext, 'style'>): string {
  const head = (text: string) => context.style('bold', text);
  const call = plan.method === 'file' ? 'kexec_file_load' : 'kexec_load';
  return [
    `${head('kernel')}        ${plan.kernel.title} (${plan.kernel.image})`,
    `${head('slot')}          ${plan.slot === 'normal' ? 'normal: jumped to when asked' : 'crash: started by a panic'}`,
    `${head('method')}        ${plan.method} (${call}): ${plan.reason}`,
    `${head('command line')}  ${plan.commandLine}`,
    '',
    ...(plan.method === 'file' ? renderFiles(plan) : renderSegments(plan)),
    '',
    head('memory map handed over'),
    renderMemoryMap(plan.memoryMap),
    ...(plan.notes.length === 0 ? [] : ['', ...plan.notes.map((note) => `note: ${note}`)]),
  ].join('\n');
}

function renderFiles(plan: Extract<LoadPlan, { method: 'file' }>): string[] {
  const rows = [
    ['part', 'size', 'source'],
    ['image', renderBytes(plan.image.bytes.length), plan.image.name],
  ];
  if (plan.initrd !== undefined)
    rows.push(['initrd', renderBytes(plan.initrd.bytes.length), plan.initrd.name]);
  return ['placed by the running kernel:', renderTable(rows)];
}

function renderSegments(plan: Extract<LoadPlan, { method: 'segments' }>): string[] {
  const rows = plan.segments.map((segment) => [
    segment.name,
    hex(segment.address),
    hex(segment.address + BigInt(segment.memorySize) - 1n),
    renderBytes(segment.memorySize),
    renderBytes(segment.bytes.length),
    segment.source,
  ]);
  return [
    renderTable([['segment', 'first byte', 'last byte', 'memory', 'bytes', 'source'], ...rows]),
    `entry ${hex(plan.entry)}`,
  ];
}

function renderMemoryMap(map: MemoryMap): string {
  return renderTable(
    map.map((entry) => [
      `  ${hex(entry.start)}`,
      hex(entry.end - 1n),
      renderBytes(rangeSize(entry)),
      entry.type,
    ]),
  );
}

function hex(value: bigint): string {
  return `0x${value.toString(16).padStart(9, '0')}`;
}

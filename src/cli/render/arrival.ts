/**
 * The way up after a switch, as text.
 * @module
 */
import type { ArrivalHistoryEntry } from '../../switch/history.ts';
import { renderMilliseconds } from './quantity.ts';
import { renderTable } from './table.ts';

/** Times from the start of the new kernel's clock, then what took longest to start. */
export function renderArrival(entry: ArrivalHistoryEntry): string {
  const points: readonly (readonly [string, number | null])[] = [
    ['initramfs', entry.initrdMs],
    ['init', entry.initMs],
    ...(entry.service === null ? [] : [[entry.service.name, entry.service.answeredMs] as const]),
    ['default target', entry.finishedMs],
  ];
  const rows = points.map(([name, ms]) => [`  ${name}`, ms === null ? 'not known' : renderMilliseconds(ms)]);
  const slowest = entry.slowest.map(({ unit, tookMs }) => `${unit} ${renderMilliseconds(tookMs)}`);
  return [
    'Way up, from the start of the kernel:',
    renderTable(rows),
    `Longest to start: ${slowest.length === 0 ? 'nothing' : slowest.join(', ')}.`,
  ].join('\n');
}

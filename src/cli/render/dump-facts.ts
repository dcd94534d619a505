/**
 * Facts about a dump as text.
 * @module
 */
import { rangeSize } from '../../formats/range.ts';
import type { DumpFacts } from '../../formats/vmcore/dump-facts.ts';
import type { CliContext } from '../context.ts';
import { renderBytes, renderTime } from './quantity.ts';
import { renderTable } from './table.ts';

/** A row a fact, then the ranges of memory. */
export function renderDumpFacts(
  facts: DumpFacts & { readonly fileSize: number; readonly panicCpu: number | undefined },
  context: Pick<CliContext, 'style'>,
): string {
  const unknown = 'not said';
  const rows = [
    ['kernel', facts.kernelRelease ?? unknown],
    ['build id', facts.buildId ?? unknown],
    ['architecture', facts.architecture],
    ['crashed', facts.crashedAt === undefined ? unknown : renderTime(facts.crashedAt * 1000)],
    ['CPUs', `registers of ${facts.cpusWithRegisters}${panicWords(facts.panicCpu)}`],
    ['format', `${facts.format}${facts.isFlattened ? ', flattened' : ''}`],
    ['left out', facts.leftOut === undefined ? unknown : facts.leftOut.join(', ') || 'nothing'],
    ['file', renderBytes(facts.fileSize)],
    ['memory', `${renderBytes(facts.memorySize)}, of which ${renderBytes(facts.savedSize)} are in the dump`],
  ];
  const ranges = facts.memoryRanges.map((range) => [
    `  0x${range.start.toString(16)}`,
    `0x${range.end.toString(16)}`,
    renderBytes(rangeSize(range)),
  ]);
  const state =
    facts.problems.length === 0
      ? context.style('green', 'The dump is complete.')
      : [
          context.style('yellow', 'The dump is not complete:'),
          ...facts.problems.map((problem) => `  ${problem}`),
        ].join('\n');
  return [renderTable(rows), 'memory ranges, the end not included:', renderTable(ranges), '', state].join(
    '\n',
  );
}

function panicWords(cpu: number | undefined): string {
  return cpu === undefined ? '' : `; CPU ${cpu} panicked`;
}

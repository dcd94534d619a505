/**
 * The return table as text, 80 columns wide.
 * @module
 */
import type { ReturnRow } from '../../trial/return-table.ts';
import type { CliContext } from '../context.ts';
import { renderMilliseconds } from './quantity.ts';

const WIDTH = 80;
const INDENT = 4;

/**
 * Each row is a line with the class, what happens, and how long the way home takes, then what brings it home. What is
 * not covered stands out and names its remedy.
 */
export function renderReturnTable(rows: readonly ReturnRow[], { style }: Pick<CliContext, 'style'>): string {
  const classWidth = Math.max(...rows.map((row) => row.class.length), 0);
  return rows
    .flatMap((row) => {
      const time = renderTime(row);
      const head = `${row.class.padEnd(classWidth)}  `;
      const room = WIDTH - head.length - time.length - 2;
      const [first = '', ...more] = wrap(row.what, room);
      const colour = row.isCovered ? 'green' : 'red';
      return [
        `${style('bold', head.trimEnd())}${' '.repeat(head.length - head.trimEnd().length)}${first.padEnd(room)}  ${style(colour, time)}`,
        ...more.map((line) => ' '.repeat(head.length) + line),
        ...indent(row.by),
        ...(row.remedy === null ? [] : indent(`Next: ${row.remedy}`)),
      ];
    })
    .join('\n');
}

function renderTime({ isCovered, seconds }: ReturnRow): string {
  if (!isCovered) return 'NOT COVERED';
  return seconds === null ? 'time not known' : seconds === 0 ? 'at once' : renderMilliseconds(seconds * 1000);
}

function indent(text: string): string[] {
  return wrap(text, WIDTH - INDENT).map((line) => ' '.repeat(INDENT) + line);
}

/** Lines of at most `width` columns, cut at spaces; a longer word has a line of its own. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

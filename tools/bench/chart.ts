/**
 * The blackouts of one kernel as bars, in SVG. It has its own colours for light and dark pages.
 * @module
 */
import type { KernelResult } from './report.ts';
import { renderCount } from './text-report.ts';

const WIDTH = 760;
const LABEL_WIDTH = 290;
const VALUE_WIDTH = 80;
const ROW = 30;
const BAR = 18;
const TOP = 52;
const BOTTOM = 16;

const STYLE = `text { font: 14px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 16px; font-weight: 600 }
.khop { fill: #0969da } .other { fill: #8c959f }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .khop { fill: #4493f8 } .other { fill: #6e7681 } }`;

/** Methods without a number have no bar. */
export function renderChart(line: string, result: KernelResult): string {
  const bars = result.methods.flatMap(({ id, title, median }) =>
    median === undefined ? [] : [{ id, title, median }],
  );
  const longest = Math.max(1, ...bars.map(({ median }) => median));
  const room = WIDTH - LABEL_WIDTH - VALUE_WIDTH;
  const height = TOP + bars.length * ROW + BOTTOM;
  const rows = bars.map(({ id, title, median }, index) => {
    const y = TOP + index * ROW;
    const width = Math.max(1, Math.round((median / longest) * room));
    const baseline = y + BAR - 4;
    return [
      `<text x="${LABEL_WIDTH - 10}" y="${baseline}" text-anchor="end">${escapeText(title)}</text>`,
      `<rect class="${id.startsWith('khop') ? 'khop' : 'other'}" x="${LABEL_WIDTH}" y="${y}" width="${width}" height="${BAR}" rx="2"/>`,
      `<text x="${LABEL_WIDTH + width + 8}" y="${baseline}">${renderCount(median)}</text>`,
    ].join('\n');
  });
  const title = `Blackout of a switch to Linux ${line}, in guest instructions`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeText(title)}">`,
    `<style>${STYLE}</style>`,
    `<text class="title" x="16" y="28">${escapeText(title)}</text>`,
    ...rows,
    '</svg>',
    '',
  ].join('\n');
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseKernelLogText } from '../../src/formats/kernel-log-text.ts';
import { type OopsReport, parseOops } from '../../src/formats/oops.ts';
import { inputs } from '../support/inputs.ts';
import { SAMPLE_LOGS, writeLog } from '../support/oops-log-builder.ts';
import { processorTimeMs } from '../support/processor-time.ts';

function parse(text: string): OopsReport {
  return parseOops(parseKernelLogText(text));
}

/** Every text of a report; words of khop's own are kinds only. */
function textsOf(report: OopsReport): string[] {
  const texts: string[] = [];
  const walk = (value: unknown, key: string): void => {
    if (typeof value === 'string' && key !== 'kind') texts.push(value);
    else if (Array.isArray(value)) for (const each of value) walk(each, key);
    else if (typeof value === 'object' && value !== null)
      for (const [name, each] of Object.entries(value)) walk(each, name);
  };
  walk(report, '');
  return texts;
}

/** Letters and digits only: taint letters are printed with spaces between them, and wrapped lines are joined. */
function squeeze(text: string): string {
  return text.replaceAll(/\s+/g, '');
}

const anySample = fc.constantFrom(...Object.values(SAMPLE_LOGS));
const anyStyle = fc.record({ withLevel: fc.boolean(), withTime: fc.boolean() });

/** A sample with lines cut, dropped, doubled, moved, damaged or between others. */
const damagedLog = fc
  .tuple(
    anySample,
    anySample,
    anyStyle,
    fc.array(
      fc.tuple(
        fc.nat(),
        fc.nat(),
        fc.constantFrom('drop', 'double', 'cut', 'flip', 'move', 'mix', 'tail', 'garbage'),
      ),
      { maxLength: 12 },
    ),
  )
  .map(([entries, others, style, edits]) => {
    const lines = writeLog(entries, style).split('\n');
    const foreign = writeLog(others, style).split('\n');
    for (const [a, b, edit] of edits) {
      const at = a % Math.max(1, lines.length);
      const line = lines[at] ?? '';
      const column = b % Math.max(1, line.length);
      if (edit === 'drop') lines.splice(at, 1);
      else if (edit === 'double') lines.splice(at, 0, line);
      else if (edit === 'cut') lines[at] = line.slice(0, column);
      else if (edit === 'flip')
        lines[at] = `${line.slice(0, column)}${String.fromCharCode(b % 0x3000)}${line.slice(column + 1)}`;
      else if (edit === 'move') lines.splice(b % Math.max(1, lines.length), 0, ...lines.splice(at, 3));
      else if (edit === 'mix')
        lines.splice(at, 0, ...foreign.slice(b % foreign.length, (b % foreign.length) + 9));
      else if (edit === 'tail') lines.length = at;
      else
        lines.splice(at, 0, String.fromCharCode(...[a, b, a ^ b, a * 7, b * 3].map((code) => code % 0x110)));
    }
    return lines.join('\n');
  });

test('whatever was done to a log, no fact comes out of it that it does not hold', () => {
  fc.assert(
    fc.property(damagedLog, (text) => {
      const held = squeeze(
        parseKernelLogText(text)
          .map((line) => line.text)
          .join(' '),
      );
      for (const fact of textsOf(parse(text)))
        assert.ok(held.includes(squeeze(fact)), `${JSON.stringify(fact)} is not in the text`);
    }),
    inputs(600),
  );
});

test('any text gives a report', () => {
  const word = fc.constantFrom(
    'BUG: ',
    'Oops: ',
    'Kernel panic - not syncing: ',
    'CPU: ',
    'RIP: 0010:',
    'Call Trace:',
    '<TASK>',
    '[',
    ']',
    '+0x1/0x2',
    'Modules linked in:',
    'Tainted: ',
    '\n',
    ' ',
    '(',
    ')',
    '0',
    'A',
    '? ',
    '---[ end trace',
    'x29: ',
    'INFO: task ',
    '\x1b[2J',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary', maxLength: 400 }),
        fc.array(word, { maxLength: 80 }).map((all) => all.join('')),
      ),
      (text) => {
        const report = parse(text);
        for (const fact of textsOf(report)) assert.doesNotMatch(fact, /\p{Cc}/u);
      },
    ),
    inputs(500),
  );
});

test('long lines and many of them are read in a time that grows with their length', () => {
  const hostile = [
    `Modules linked in:${' a(O'.repeat(200_000)}`,
    `CPU: 0 PID: 1 Comm: ${'Tainted: G '.repeat(100_000)}`,
    `BUG: soft lockup - CPU#1 stuck for 22s! ${'[a:1'.repeat(100_000)}`,
    `WARNING: ${'at a+0x1'.repeat(100_000)}`,
    `Tainted: ${'G '.repeat(100_000)}`,
    `INFO: task ${':1 blocked '.repeat(100_000)}`,
    'WARNING: CPU: 0 PID: 1 at a\nCall Trace:\n'.repeat(30_000),
    ` a+0x1/0x2\n`.repeat(300_000),
    `${'x'.repeat(80)}\n`.repeat(100_000),
    `[    1.0] ${'x'.repeat(70)}\n${'y'.repeat(80)}\n`.repeat(30_000),
  ];
  for (const text of hostile) {
    const took = processorTimeMs(() => parse(`BUG: x\nCPU: 0\nCall Trace:\n${text}`));
    assert.ok(took < 5000, `${text.slice(0, 40)} took ${took} ms`);
  }
});

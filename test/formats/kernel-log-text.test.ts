import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseKernelLogText } from '../../src/formats/kernel-log-text.ts';

test('every way in which a line is kept gives its level, time, caller and text', () => {
  const rows: readonly [line: string, level: number | null, seconds: number | null, caller: string | null][] =
    [
      ['eth0: link up', null, null, null],
      ['[    3.500001] eth0: link up', null, 3.500001, null],
      ['<6>[    3.500001] eth0: link up', 6, 3.500001, null],
      ['<30>[12345.678901] eth0: link up', 6, 12345.678901, null],
      ['[    3.500001][  T742] eth0: link up', null, 3.500001, 'T742'],
      ['<4>[    3.500001][    C1] eth0: link up', 4, 3.500001, 'C1'],
      ['<4>eth0: link up', 4, null, null],
      ['6,339,3500001,-;eth0: link up', 6, 3.500001, null],
      ['4,339,3500001,-,caller=T742;eth0: link up', 4, 3.500001, 'T742'],
      ['Jul 09 02:42:32 host kernel: eth0: link up', null, null, null],
      ['[Sun Nov 29 00:30:00 2026] eth0: link up', null, null, null],
      ['[2026-11-29 00:30:00] [    3.500001] eth0: link up', null, 3.500001, null],
      ['2026-11-29T00:30:00.123456+0100 host kernel: eth0: link up', null, null, null],
    ];
  for (const [line, level, seconds, caller] of rows)
    assert.deepEqual(parseKernelLogText(line), [{ level, seconds, caller, text: 'eth0: link up' }], line);
});

test('text that only looks like a prefix stays text, and the blank before a frame stays', () => {
  assert.equal(parseKernelLogText('<TASK>')[0]?.text, '<TASK>');
  assert.equal(parseKernelLogText('[drm] ready')[0]?.text, '[drm] ready');
  assert.equal(parseKernelLogText('[    1.000000]  schedule+0x1/0x2')[0]?.text, ' schedule+0x1/0x2');
  assert.equal(parseKernelLogText('<3>[    1.000000]')[0]?.text, '');
});

test('nothing that a terminal would obey comes out', () => {
  const [line] = parseKernelLogText('[    1.000000] usb: \x1b[2Jname\u202e\ttab');
  assert.equal(line?.text, 'usb: ?[2Jname? tab');
});

test('a text has as many lines as it has line breaks, whatever they hold, unless a terminal had wrapped it', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 60 })), (lines) => {
      const whole = lines.map((line) => line.replaceAll(/[\r\n]/g, '')).join('\n');
      assert.equal(parseKernelLogText(whole).length, whole.split('\n').length);
    }),
  );
});

import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  markKernelLog,
  parseKernelLog,
  parseKernelLogRecord,
  readKernelLog,
} from '../../src/machine/kernel-log.ts';

test('a record is split into level, sequence, time and text, with or without a caller', () => {
  assert.deepEqual(parseKernelLogRecord('6,339,5140900,-;NET: Registered PF_INET6\n SUBSYSTEM=net\n'), {
    level: 6,
    sequence: 339,
    microseconds: 5140900,
    text: 'NET: Registered PF_INET6',
  });
  assert.equal(parseKernelLogRecord('30,5,1,c,caller=T1;systemd[1]: a;b')?.text, 'systemd[1]: a;b');
  assert.equal(parseKernelLogRecord('30,5,1,c;x')?.level, 6);
});

test('continuation lines and foreign lines are no records', () => {
  const records = parseKernelLog('4,1,10,-;one\n DEVICE=+pci\nnonsense\n4,2,20,-;two\n');
  assert.deepEqual(
    records.map((record) => record.text),
    ['one', 'two'],
  );
});

test('escaped bytes become UTF-8 text again, and control characters never come out', () => {
  assert.equal(parseKernelLogRecord('6,1,1,-;usb: Ger\\xc3\\xa4t \\x5c')?.text, 'usb: Gerät \\');
  assert.equal(parseKernelLogRecord('6,1,1,-;\\x1b[31mred\\x07')?.text, '?[31mred?');
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
      assert.doesNotMatch(parseKernelLogRecord(`6,1,1,-;${text}`)?.text ?? '', /\p{Cc}/u);
    }),
  );
});

test('a mark gives only what was written after it, once', () => {
  const folder = mkdtempSync(join(tmpdir(), 'khop-kmsg-'));
  try {
    const path = join(folder, 'kmsg');
    writeFileSync(path, '6,1,1,-;before\n');
    using mark = markKernelLog(path);
    assert.deepEqual(mark.newTexts(), []);
    appendFileSync(path, '3,2,2,-;kexec: refused\n SUBSYSTEM=x\n3,3,3,-;and why\n');
    assert.deepEqual(mark.newTexts(), ['kexec: refused', 'and why']);
    assert.deepEqual(mark.newTexts(), []);
    const all = readKernelLog(path);
    assert.equal(all.state === 'read' && all.value.length, 3);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a log that is not there is absent, one that is a folder is unreadable, and neither throws at a mark', () => {
  assert.equal(readKernelLog('/nowhere/kmsg').state, 'absent');
  assert.equal(readKernelLog('/').state, 'unreadable');
  using mark = markKernelLog('/nowhere/kmsg');
  assert.deepEqual(mark.newTexts(), []);
});

test('the log of this machine ends, with rising sequence numbers', () => {
  const log = readKernelLog();
  if (log.state !== 'read') return;
  const sequences = log.value.map((record) => record.sequence);
  assert.deepEqual(
    sequences,
    sequences.toSorted((a, b) => a - b),
  );
});

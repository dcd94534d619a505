import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodePreparedRecord, encodePreparedRecord } from '../../src/prepare/prepared-record.ts';
import { buildBoot } from '../support/prepared-boot.ts';

test('a record is read as it was written', () => {
  using boot = buildBoot();
  const { record } = boot.prepare();
  assert.deepEqual(decodePreparedRecord(encodePreparedRecord(record)), record);
});

test('a record in which any bit has flipped is none, or says the same', () => {
  using boot = buildBoot();
  const { record } = boot.prepare();
  const bytes = Buffer.from(encodePreparedRecord(record));
  for (let at = 0; at < bytes.length; at += 1)
    for (let bit = 0; bit < 8; bit += 1) {
      bytes[at]! ^= 1 << bit;
      const read = decodePreparedRecord(bytes.toString('utf8'));
      // White space may become other white space.
      if (read !== undefined) assert.deepEqual(read, record, `bit ${bit} of byte ${at}`);
      bytes[at]! ^= 1 << bit;
    }
});

test('a record without its sum, and what is no record at all, is none', () => {
  using boot = buildBoot();
  const { record } = boot.prepare();
  for (const text of [JSON.stringify(record), 'null', '[]', '{}', '7', ''])
    assert.equal(decodePreparedRecord(text), undefined, text);
});

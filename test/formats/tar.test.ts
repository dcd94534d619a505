import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTar } from '../../src/formats/tar.ts';
import { buildTar } from '../support/deb-builder.ts';
import { assertSurvivesDamage, assertSurvivesTruncation } from '../support/hostile-bytes.ts';

const LONG = `./${'folder/'.repeat(20)}file`;
const ARCHIVE = buildTar({
  './': { folder: true },
  './a': 'text',
  './link': { link: 'a' },
  [LONG]: new Uint8Array(700).fill(3),
});

function parseAll(bytes: Uint8Array) {
  return [...parseTar(bytes)];
}

test('members keep their order, kinds, names of any length and bytes', () => {
  const entries = parseAll(ARCHIVE);
  assert.deepEqual(
    entries.map(({ path, kind, target, bytes }) => [path, kind, target, bytes.length]),
    [
      ['./', 'folder', '', 0],
      ['./a', 'file', '', 4],
      ['./link', 'symbolic-link', 'a', 0],
      [LONG, 'file', '', 700],
    ],
  );
  assert.equal(entries[1]?.mode, 0o644);
});

test('a pax header names the next member', () => {
  const body = ' path=ünïcode\n';
  const archive = buildTar({ pax: `${Buffer.byteLength(body) + 2}${body}`, short: 'x', next: 'y' });
  archive[156] = 'x'.charCodeAt(0);
  fixChecksum(archive);
  assert.deepEqual(
    parseAll(archive).map(({ path }) => path),
    ['ünïcode', 'next'],
  );
});

function fixChecksum(archive: Uint8Array): void {
  archive.fill(0x20, 148, 156);
  const sum = archive.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  archive.set(Buffer.from(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
}

test('every truncation and any damage give members or an error of ours', () => {
  assertSurvivesTruncation(parseAll, ARCHIVE);
  assertSurvivesDamage(parseAll, ARCHIVE);
});

test('a size beyond the end is refused', () => {
  const archive = ARCHIVE.slice();
  archive.set(Buffer.from('77777777777'), 512 + 124);
  assert.throws(() => parseAll(archive), { code: 'E_FORMAT' });
});

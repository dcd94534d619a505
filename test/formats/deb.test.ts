import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { isDeb, parseDebFiles } from '../../src/formats/deb.ts';
import { buildDeb, buildTar } from '../support/deb-builder.ts';
import { assertSurvivesDamage, assertSurvivesTruncation } from '../support/hostile-bytes.ts';

const DATA = buildTar({ './boot/': { folder: true }, './boot/vmlinuz-6.1': 'kernel!' });

function names(bytes: Uint8Array): string[] {
  return [...parseDebFiles(bytes)].map(({ path }) => path);
}

test('the files of a package are those of its data archive, packed or not', () => {
  const expected = ['./boot/', './boot/vmlinuz-6.1'];
  assert.deepEqual(names(buildDeb(DATA)), expected);
  assert.deepEqual(names(buildDeb(gzipSync(DATA), 'data.tar.gz')), expected);
  assert.deepEqual(names(buildDeb(gzipSync(DATA), 'data.tar.gz/')), expected);
});

test('what is no package, or has no data, is refused', () => {
  assert.equal(isDeb(Buffer.from('!<arch>\nother')), false);
  assert.throws(() => names(Buffer.from('PK')), { code: 'E_FORMAT', message: /no Debian package/ });
  assert.throws(() => names(buildDeb(DATA, 'other.tar')), { code: 'E_FORMAT', message: /data\.tar/ });
  assert.throws(() => names(buildDeb(DATA, 'data.tar.Z')), { code: 'E_FORMAT' });
});

test('every truncation and any damage give files or an error of ours', () => {
  const deb = buildDeb(gzipSync(DATA), 'data.tar.gz');
  assertSurvivesTruncation(names, deb, deb.length - 16);
  assertSurvivesDamage(names, deb, { start: 0, end: deb.length }, 600);
});

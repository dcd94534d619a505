import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { isDeb, parseDebControl, parseDebFiles } from '../../src/formats/deb.ts';
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

test('the control fields are read, also those that go on over lines', () => {
  const control = [
    'Package: linux-image-6.1',
    'Depends: kmod,',
    ' linux-base (>= 4.3)',
    '# a comment',
    'Description: Linux',
    ' The kernel.',
    ' .',
    ' More: of it.',
    '',
    'Package: another paragraph',
  ].join('\n');
  assert.deepEqual(Object.fromEntries(parseDebControl(buildDeb(DATA, 'data.tar', control))), {
    Package: 'linux-image-6.1',
    Depends: 'kmod,\nlinux-base (>= 4.3)',
    Description: 'Linux\nThe kernel.\n.\nMore: of it.',
  });
});

test('a package without a control file is refused', () => {
  const deb = Buffer.from(buildDeb(DATA));
  deb.write('./contain', deb.indexOf('./control'), 'latin1');
  assert.throws(() => parseDebControl(deb), { code: 'E_FORMAT' });
});

test('every truncation and any damage give files or an error of ours', () => {
  const deb = buildDeb(gzipSync(DATA), 'data.tar.gz');
  assertSurvivesTruncation(names, deb, deb.length - 16);
  assertSurvivesDamage(names, deb, { start: 0, end: deb.length }, 600);
  assertSurvivesDamage(parseDebControl, deb, { start: 0, end: 2600 }, 600);
});

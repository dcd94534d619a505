import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseControl, parseDepends } from '../../src/lab/debian-packages.ts';

test('a paragraph of apt-cache becomes its fields', () => {
  const text = 'Package: a\nVersion: 1:2-3\nDescription: first\n more\nSHA256: 00ff\n\nPackage: b\n';
  const [first, second] = parseControl(text);
  assert.equal(first?.get('Version'), '1:2-3');
  assert.equal(first?.get('SHA256'), '00ff');
  assert.equal(second?.get('Package'), 'b');
  assert.deepEqual(parseControl('\n'), []);
});

test('of alternatives the first counts; versions and architectures are dropped', () => {
  assert.deepEqual(
    parseDepends('dracut | initramfs-tools (>= 0.1), libc6:any (>= 2), linux-image-7.2.1+deb14-amd64 (= 1)'),
    ['dracut', 'libc6', 'linux-image-7.2.1+deb14-amd64'],
  );
  assert.deepEqual(parseDepends(' , '), []);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEnvironmentBlock } from '../../../src/kernels/grub/environment-block.ts';

const SIGNATURE = '# GRUB Environment Block\n';

test('values keep their equal signs, back-slashes and line breaks', () => {
  const block = `${SIGNATURE}# comment\nkernelopts=root=UUID=1 ro \npath=a\\\\b\nlines=one\\\ntwo\nempty=\n=bad\n${'#'.repeat(900)}`;
  assert.deepEqual(
    [...parseEnvironmentBlock(block)],
    [
      ['kernelopts', 'root=UUID=1 ro '],
      ['path', 'a\\b'],
      ['lines', 'one\ntwo'],
      ['empty', ''],
    ],
  );
});

test('a block without the signature has no values, as in GRUB', () => {
  assert.equal(parseEnvironmentBlock('saved_entry=0\n').size, 0);
  assert.equal(parseEnvironmentBlock('').size, 0);
});

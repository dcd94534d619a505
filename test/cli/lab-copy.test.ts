import assert from 'node:assert/strict';
import { test } from 'node:test';
import { copyBetween, parseCopySide } from '../../src/cli/lab-copy.ts';

test('a machine is what stands before a colon, unless a slash comes first', () => {
  assert.deepEqual(parseCopySide('lab:/tmp/a:b'), { machine: 'lab', path: '/tmp/a:b' });
  assert.deepEqual(parseCopySide('./lab:x'), { machine: undefined, path: './lab:x' });
  assert.deepEqual(parseCopySide('/a:b'), { machine: undefined, path: '/a:b' });
});

test('exactly one side has to be in a machine', async () => {
  await assert.rejects(copyBetween('a', 'b'), { code: 'E_USAGE' });
  await assert.rejects(copyBetween('a:/x', 'b:/y'), { code: 'E_USAGE' });
});

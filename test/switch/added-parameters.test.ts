import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addParameters, withoutAddedParameters } from '../../src/switch/added-parameters.ts';

test('what was added for one boot is taken off again, and what an administrator wrote stays', () => {
  const line = 'root=/dev/vda1 loglevel=4 cryptomgr.notests ro -- single';
  const added = addParameters(line, ['cryptomgr.notests', 'loglevel=4']);
  assert.equal(
    added,
    'root=/dev/vda1 loglevel=4 cryptomgr.notests ro cryptomgr.notests loglevel=4 ' +
      'khop.added=cryptomgr.notests,loglevel=4 -- single',
  );
  assert.equal(withoutAddedParameters(added), line);
});

test('a line without additions is left alone, also when it has such parameters of its own', () => {
  for (const line of ['', 'ro cryptomgr.notests', '"a b"  c="d e"'])
    assert.equal(withoutAddedParameters(line), line);
});

test('adding and taking off gives the same arguments, whatever the line', () => {
  const word = fc.stringMatching(/^[a-z][a-z0-9_.]{0,8}(=[a-z0-9/]{1,5})?$/);
  fc.assert(
    fc.property(fc.array(word), fc.array(word, { minLength: 1 }), (line, added) => {
      assert.equal(withoutAddedParameters(addParameters(line.join(' '), added)), line.join(' '));
    }),
  );
});

test('what is added to additions goes on in one note, and all of it is taken off at once', () => {
  const trial = addParameters('root=/dev/vda1 loglevel=4', ['panic=10']);
  const fast = addParameters(trial, ['loglevel=4']);
  assert.equal(fast, 'root=/dev/vda1 loglevel=4 panic=10 loglevel=4 khop.added=panic=10,loglevel=4');
  assert.equal(withoutAddedParameters(fast), 'root=/dev/vda1 loglevel=4');
});

test('however often something is added, taking it off gives the same arguments', () => {
  const word = fc.stringMatching(/^[a-z][a-z0-9_.]{0,8}(=[a-z0-9/]{1,5})?$/);
  fc.assert(
    fc.property(fc.array(word), fc.array(fc.array(word), { maxLength: 4 }), (line, additions) => {
      const added = additions.reduce((before, words) => addParameters(before, words), line.join(' '));
      assert.equal(withoutAddedParameters(added), line.join(' '));
      assert.ok((added.match(/khop\.added=/g) ?? []).length <= 1);
    }),
  );
});

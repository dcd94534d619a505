import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseCommandLine } from '../../src/plan/command-line.ts';
import { causeArgument, causeOn } from '../../src/trial/trial-kernel.ts';

const words = fc.string({ unit: 'binary', maxLength: 60 });

test('a cause survives the command line, whatever is in its sentence', () => {
  const kind = fc.stringMatching(/^[a-z-]{1,12}$/);
  fc.assert(
    fc.property(kind, words, (name, detail) => {
      const argument = causeArgument({ kind: name, detail });
      assert.match(argument, /^[!-~]+$/);
      assert.equal(parseCommandLine(`root=/dev/vda1 ${argument} quiet`).length, 3);
      const told = causeOn(`root=/dev/vda1 ${argument} quiet`);
      assert.equal(told?.kind, name);
      const whole = detail.toWellFormed();
      const isShort = encodeURIComponent(whole).length <= 300;
      assert.ok(isShort ? told?.detail === whole : whole.startsWith(told?.detail ?? '?'));
    }),
  );
});

test('a long sentence loses its end, and an argument that is no cause says nothing', () => {
  assert.equal(causeOn(causeArgument({ kind: 'deadline', detail: 'é'.repeat(100) }))?.detail, 'é'.repeat(50));
  for (const line of ['', 'khop.cause', 'khop.cause=', 'khop.cause=a', 'khop.cause=:b', 'khop.cause=a:%zz'])
    assert.equal(causeOn(line), undefined, line);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderReservation } from '../../../src/cli/render/reservation.ts';

test('what the boot loader is told already is said with what that does not reach', () => {
  const plan = {
    ...{ mib: 64n, need: undefined, obstacle: undefined, selector: '6.1', panicProcessor: undefined },
    ...{ earlyPanic: undefined, told: [] },
    permanent: { steps: [], notes: ['Label a has no APPEND of its own.'] },
  };
  assert.match(
    renderReservation(plan, 'there'),
    /^At every start: the boot loader is told already\.\n {2}note: Label a has no APPEND of its own\.$/m,
  );
});

test('who reserves memory reads that a panic before the guard is armed restarts the machine from then on', () => {
  const plan = {
    ...{ mib: 64n, need: undefined, obstacle: undefined, selector: '6.1', panicProcessor: undefined },
    ...{ permanent: { steps: [], notes: [] }, told: [] },
  };
  assert.match(
    renderReservation({ ...plan, earlyPanic: { name: 'panic', value: '10' } }, 'later'),
    /^With it comes panic=10: /m,
  );
  assert.doesNotMatch(renderReservation({ ...plan, earlyPanic: undefined }, 'later'), /panic=10/);
});

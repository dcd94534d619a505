import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderReservation } from '../../../src/cli/render/reservation.ts';

test('what the boot loader is told already is said with what that does not reach', () => {
  const plan = {
    ...{ mib: 64n, need: undefined, obstacle: undefined, selector: '6.1', panicProcessor: undefined },
    permanent: { steps: [], notes: ['Label a has no APPEND of its own.'] },
  };
  assert.match(
    renderReservation(plan, 'there'),
    /^At every start: the boot loader is told already\.\n {2}note: Label a has no APPEND of its own\.$/m,
  );
});

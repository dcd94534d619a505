import assert from 'node:assert/strict';
import { test } from 'node:test';
import { switchOnTrial } from '../../../src/cli/commands/switch-trial.ts';
import { sayingContext } from '../../support/cli-context.ts';
import { stagingWorld } from '../../support/staged-trial.ts';
import { NEW } from '../../support/trial-world.ts';

/** What is remarked until somebody is asked for the last time, and says no. */
async function remarksBeforeLeaving(options: {
  readonly fast?: boolean;
  readonly json?: boolean;
}): Promise<readonly string[]> {
  using staging = stagingWorld();
  const { context, remarks } = sayingContext();
  const steps = {
    way: 'now',
    agree: async () => {
      throw new Error('no');
    },
    report: async () => assert.fail('it was left'),
  } as const;
  await assert.rejects(switchOnTrial(context, staging.world, NEW, options, steps), /^Error: no$/);
  return remarks;
}

test('a fast switch on trial says what to expect of it before anybody is asked', async () => {
  const costs = (remarks: readonly string[]) => remarks.filter((line) => line.startsWith('Cost: '));
  assert.equal(costs(await remarksBeforeLeaving({ fast: true })).length, 1);
  assert.equal(costs(await remarksBeforeLeaving({})).length, 0, 'nobody asked for speed');
  assert.equal(
    costs(await remarksBeforeLeaving({ fast: true, json: true })).length,
    0,
    'it is in the result',
  );
});

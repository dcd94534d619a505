import assert from 'node:assert/strict';
import { test } from 'node:test';
import { watchdogArgumentsAtHome } from '../../../src/plan/trial/watchdog-at-home.ts';
import { WATCHDOG_DRIVERS } from '../../../src/plan/trial/watchdog-drivers.ts';

test('only a driver that arms anew what it finds counting is told how long', () => {
  const told = WATCHDOG_DRIVERS.filter(({ module }) => watchdogArgumentsAtHome(module).length > 0);
  assert.deepEqual(
    told.map(({ module, atProbe }) => [module, atProbe]),
    [['i6300esb', 'armed-anew']],
  );
  assert.deepEqual(watchdogArgumentsAtHome('i6300esb'), ['i6300esb.heartbeat=300']);
  assert.deepEqual(watchdogArgumentsAtHome(null), []);
  assert.deepEqual(watchdogArgumentsAtHome('a driver of tomorrow'), []);
});

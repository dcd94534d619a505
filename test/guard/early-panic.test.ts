import assert from 'node:assert/strict';
import { test } from 'node:test';
import { earlyPanicParameter, standsStillEarly } from '../../src/guard/early-panic.ts';
import { absent, read } from '../support/machine-facts.ts';

const machineWith = (line: string, config?: Record<string, string>) => ({
  commandLine: read(line),
  kernelConfig: config === undefined ? absent('/proc/config.gz') : read(new Map(Object.entries(config))),
});

test('a kernel stands still after a panic unless its command line or its configuration restarts it', () => {
  const still: readonly [string, Record<string, string> | undefined, boolean][] = [
    ['quiet', undefined, true],
    ['quiet', { CONFIG_PANIC_TIMEOUT: '0' }, true],
    ['quiet', { CONFIG_PANIC_TIMEOUT: '-1' }, false],
    ['quiet panic=10', undefined, false],
    ['quiet panic=0', { CONFIG_PANIC_TIMEOUT: '10' }, true],
    ['quiet panic=soon', undefined, true],
  ];
  for (const [line, config, expected] of still)
    assert.equal(standsStillEarly(machineWith(line, config)), expected, line);
});

test('what khop has added for one way home does not count as said', () => {
  const home = machineWith('quiet panic=11 rd.shell=0 khop.added=panic=11,rd.shell=0');
  assert.equal(standsStillEarly(home), true);
  assert.deepEqual(earlyPanicParameter(home, 'quiet'), { name: 'panic', value: '10' });
  assert.equal(earlyPanicParameter(machineWith('quiet panic=0'), 'quiet'), undefined);
  assert.equal(earlyPanicParameter(machineWith('quiet'), 'quiet panic=0'), undefined);
});

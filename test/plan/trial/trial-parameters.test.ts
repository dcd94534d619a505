import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandLineValue } from '../../../src/plan/command-line.ts';
import {
  TRIAL_SYSCTLS,
  type TrialParameters,
  trialParameters,
} from '../../../src/plan/trial/trial-parameters.ts';
import { addParameters, withoutAddedParameters } from '../../../src/switch/added-parameters.ts';

const TRIAL: TrialParameters = {
  id: 'feedfacecafebeef',
  hasFirstAct: true,
  reservation: 'crashkernel=98304K@0x70000000',
  panicProcessor: undefined,
  watchdog: ['iTCO_wdt.heartbeat=30', 'systemd.watchdog_sec=off'],
};

test('a trial names itself first, then its first act, its reservation, and what makes it panic', () => {
  const parameters = trialParameters(TRIAL, 'root=/dev/vda1 quiet');
  assert.deepEqual(parameters.slice(0, 7), [
    'khop.trial=feedfacecafebeef',
    'rdinit=/khop/first',
    'crashkernel=98304K@0x70000000',
    'panic=10',
    'oops=panic',
    'rd.emergency=reboot',
    'rd.shell=0',
  ]);
  assert.deepEqual(parameters.slice(-2), TRIAL.watchdog);
  const line = parameters.join(' ');
  for (const [name, value] of Object.entries(TRIAL_SYSCTLS))
    assert.equal(commandLineValue(line, `sysctl.kernel.${name}`), value);
});

test('a kernel that can hand its panic to one processor is told which, unless the administrator has said so', () => {
  const told = { ...TRIAL, panicProcessor: 'panic_force_cpu=0' };
  assert.deepEqual(trialParameters(told, 'quiet').slice(2, 5), [
    'crashkernel=98304K@0x70000000',
    'panic_force_cpu=0',
    'panic=10',
  ]);
  assert.doesNotMatch(trialParameters(told, 'quiet panic_force_cpu=3').join(' '), /panic_force_cpu/);
});

test('without a first act and without a panic kernel neither is named', () => {
  const parameters = trialParameters({ ...TRIAL, hasFirstAct: false, reservation: undefined }, '');
  assert.equal(
    parameters.find((text) => /^(rdinit|crashkernel)=/.test(text)),
    undefined,
  );
});

test('what the administrator has set stays, except for a panic that would stand still for ever', () => {
  const names = (line: string) => trialParameters(TRIAL, line).map((text) => text.split('=')[0]);
  const own = names('panic=-1 oops=panic rd.shell sysctl.kernel.hung_task_panic=0 sysctl.kernel.panic=60');
  for (const name of ['panic', 'oops', 'rd.shell', 'sysctl.kernel.hung_task_panic', 'sysctl.kernel.panic'])
    assert.ok(!own.includes(name), name);
  assert.ok(own.includes('rd.emergency') && own.includes('sysctl.kernel.panic_on_oops'));
  assert.ok(names('panic=0').includes('panic'));
  assert.ok(names('quiet -- panic=5').includes('panic'), 'what is behind -- is for init');
});

test('a command line is as it was when the parameters of a trial are taken off again', () => {
  const line = 'root=/dev/vda1 panic=0 crashkernel=256M quiet -- single';
  assert.equal(withoutAddedParameters(addParameters(line, trialParameters(TRIAL, line))), line);
});

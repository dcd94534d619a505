import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addParameters } from '../../src/switch/added-parameters.ts';
import {
  panicSettingAtHome,
  restartParameters,
  restorePanicSetting,
} from '../../src/switch/restart-on-way-home.ts';
import { absent, healthyMachine, read } from '../support/machine-facts.ts';

const ALL = ['panic=11', 'rd.emergency=reboot', 'rd.shell=0'];

test('a command line that says nothing of failures gets all that restarts the machine', () => {
  assert.deepEqual(restartParameters('root=/dev/vda1 quiet'), ALL);
});

test('a time of the administrator’s own stays, unless the machine would stand still by it', () => {
  const [, ...initramfs] = ALL;
  for (const own of ['panic=30', 'panic=-1', 'panic=0 panic=5'])
    assert.deepEqual(restartParameters(`root=/dev/vda1 ${own}`), initramfs, own);
  for (const own of ['panic=0', 'panic', 'panic=soon', 'panic=5 panic=0', '-- panic=5'])
    assert.deepEqual(restartParameters(`root=/dev/vda1 ${own}`), ALL, own);
});

test('an initramfs that restarts already is told nothing, and one that would do something else is', () => {
  assert.deepEqual(restartParameters('panic=1 rd.shell=0 rd.emergency=reboot'), []);
  assert.deepEqual(restartParameters('panic=1 rd.shell rd.emergency=halt'), [
    'rd.emergency=reboot',
    'rd.shell=0',
  ]);
});

/** The running kernel, with what it came home with. */
function atHome(own: string, config: Record<string, string> = {}) {
  return healthyMachine({
    commandLine: read(addParameters(own, restartParameters(own))),
    kernelConfig: read(new Map(Object.entries(config))),
  });
}

test('at home a panic does again what it does after any other start of this kernel', () => {
  assert.equal(panicSettingAtHome(atHome('ro'), '11'), '0');
  assert.equal(panicSettingAtHome(atHome('ro', { CONFIG_PANIC_TIMEOUT: '5' }), '11'), '5');
  assert.equal(panicSettingAtHome(atHome('ro panic=0', { CONFIG_PANIC_TIMEOUT: '5' }), '11'), '0');
  const unknown = { ...atHome('ro'), kernelConfig: absent('/boot/config') };
  assert.equal(panicSettingAtHome(unknown, '11'), '0');
});

test('a setting that is not from the way home stays as it is', () => {
  for (const [own, current] of [
    ['ro', '10'],
    ['ro', '0'],
    ['ro', undefined],
    ['ro panic=30', '11'],
  ] as const)
    assert.equal(panicSettingAtHome(atHome(own), current), undefined, `${own} ${current}`);
  const started = healthyMachine({ commandLine: read('ro panic=11') });
  assert.equal(panicSettingAtHome(started, '11'), undefined, 'the administrator’s own eleven');
});

test('who arrives home sets kernel.panic back, once, and says when that fails', () => {
  const writes: string[] = [];
  let value = '11';
  const calls = {
    read: (name: string) => read(name === 'kernel.panic' ? value : ''),
    write: (name: string, text: string) => {
      writes.push(`${name}=${text}`);
      value = text;
    },
  };
  const machine = atHome('ro');
  assert.deepEqual(restorePanicSetting(machine, calls), []);
  assert.deepEqual(restorePanicSetting(machine, calls), []);
  assert.deepEqual(writes, ['kernel.panic=0']);
  value = '11';
  const write = () => {
    throw new Error('EROFS');
  };
  assert.deepEqual(restorePanicSetting(machine, { ...calls, write }), [
    'kernel.panic could not be set back to 0: EROFS',
  ]);
});

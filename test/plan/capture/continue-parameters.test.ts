import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CONTINUE_PARAMETERS,
  continueParameters,
  DROPPED_TO_CONTINUE,
} from '../../../src/plan/capture/continue-parameters.ts';
import { appendArguments, kernelArguments, withoutArguments } from '../../../src/plan/command-line.ts';

const ID = '0123456789abcdef';
const ONE = { id: ID, cpus: 1, bootProcessor: 0 };

test('each parameter is one argument with a reason, and no name is there twice', () => {
  const names = kernelArguments(continueParameters(ONE)).map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.equal(names.length, CONTINUE_PARAMETERS.length + 2);
  for (const { text, reason } of CONTINUE_PARAMETERS) assert.ok(reason.length > 20, text);
});

test('what the running kernel was told comes neither before nor behind ours', () => {
  const running =
    'root=UUID=a ro quiet nr_cpus=8 panic=0 crashkernel=512M resume=UUID=b khop.guard=1 khop.continue=2 hugepages=512 lsm=apparmor';
  const line = appendArguments(withoutArguments(running, DROPPED_TO_CONTINUE), continueParameters(ONE));
  const names = kernelArguments(line).map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.ok(line.startsWith('root=UUID=a ro quiet lsm=apparmor nr_cpus=1 '), line);
  assert.ok(line.endsWith(` panic=1 khop.continue=${ID}`), line);
  for (const gone of ['crashkernel', 'resume', 'khop.guard', 'hugepages'])
    assert.ok(!names.includes(gone), gone);
});

test('with several CPUs the firmware’s one is not started from another', () => {
  const several = continueParameters({ id: ID, cpus: 4, bootProcessor: 6 });
  assert.match(several, /^nr_cpus=4 disable_cpu_apicid=6 /);
  assert.doesNotMatch(continueParameters(ONE), /disable_cpu_apicid/);
  assert.doesNotMatch(continueParameters({ id: ID, cpus: 4, bootProcessor: undefined }), /apicid/);
});

test('services find what they find in any boot: nothing of the kernel is switched off for good', () => {
  const names = new Set(kernelArguments(continueParameters(ONE)).map(({ name }) => name));
  for (const name of ['lsm', 'initcall_blacklist', 'cgroup_disable', 'audit', 'nokaslr', 'oops'])
    assert.ok(!names.has(name), name);
});

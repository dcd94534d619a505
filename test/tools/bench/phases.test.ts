import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkSum, phasesOf } from '../../../tools/bench/phases.ts';

test('phases are parts of the blackout: none is counted twice, and their sum is the whole', () => {
  const phases = phasesOf({
    machine_kexec: 50n,
    x86_64_start_kernel: 1050n,
    start_kernel: 1070n,
    rest_init: 1300n,
    do_populate_rootfs: 1400n,
    free_initrd_mem: 1800n,
    run_init_process: 2500n,
    init: 2510n,
  });
  const byId = new Map(phases.map(({ id, instructions }) => [id, instructions]));
  assert.equal(byId.get('way-down'), 50);
  assert.equal(byId.get('jump'), 1000);
  assert.equal(byId.get('initramfs'), 400);
  assert.equal(byId.get('initcalls'), 800, 'unpacking lies within the initcalls and is taken out of them');
  assert.equal(
    phases.reduce((sum, { instructions }) => sum + instructions, 0),
    2510,
  );
});

test('phases that are not the parts of the blackout are refused', () => {
  const phases = [
    { id: 'jump', title: 'jump', instructions: 400_000 },
    { id: 'init', title: 'init', instructions: 600_000 },
  ];
  checkSum(phases, 991_000);
  checkSum(phases, 1_009_000);
  assert.throws(() => checkSum(phases, 985_000), /1000000 instructions together, and the blackout is 985000/);
  assert.throws(() => checkSum(phases, 1_020_000), { code: 'E_LAB' });
});

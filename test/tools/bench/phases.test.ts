import assert from 'node:assert/strict';
import { test } from 'node:test';
import { phasesOf } from '../../../tools/bench/phases.ts';

test('phases are parts of the blackout: none is counted twice, and their sum is the whole', () => {
  const phases = phasesOf({
    jump: 100n,
    machine_kexec: 150n,
    x86_64_start_kernel: 1150n,
    start_kernel: 1170n,
    rest_init: 1400n,
    do_populate_rootfs: 1500n,
    unpacked: 1900n,
    run_init_process: 2600n,
    init: 2610n,
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

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addParameters } from '../../src/switch/added-parameters.ts';
import { type FilePlanOptions, planForFile } from '../../src/switch/plan-for-file.ts';
import { healthyMachine, read } from '../support/machine-facts.ts';
import { buildBoot } from '../support/prepared-boot.ts';
import { quietWorld } from '../support/switch-world.ts';

const TOLD =
  'khop.home=1111111111111111 khop.guard=2222222222222222,1,1700000000 khop.switch=3333333333333333';
/** /proc/cmdline of a kernel that was on trial. */
const RUNNING = addParameters(`BOOT_IMAGE=/vmlinuz root=/dev/vda1 ${TOLD} quiet`, [
  'rdinit=/khop/first',
  'khop.trial=3333333333333333',
]);

function lineFor(options: Pick<FilePlanOptions, 'commandLine' | 'append'>): string {
  using boot = buildBoot();
  const world = quietWorld(boot.root, [], {
    readMachine: () => healthyMachine({ commandLine: read(RUNNING) }),
  });
  const { plan } = planForFile(world, {
    kernel: boot.image,
    initrd: undefined,
    dtb: undefined,
    method: 'segments',
    slot: 'normal',
    ...options,
  });
  return plan().commandLine;
}

test('a script that hands over all of /proc/cmdline does not hand over what khop added for one boot', () => {
  assert.equal(
    lineFor({ commandLine: `${RUNNING} own`, append: undefined }),
    'BOOT_IMAGE=/vmlinuz root=/dev/vda1 quiet own',
  );
  assert.equal(lineFor({ commandLine: undefined, append: 'own' }), 'root=/dev/vda1 quiet own');
});

test('a command line without any of that stays as it was given', () => {
  assert.equal(lineFor({ commandLine: 'ro "a b" -- c', append: undefined }), 'ro "a b" -- c');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareWithRunning } from '../../src/guard/running-build.ts';
import type { LoadPlan } from '../../src/plan/load-plan.ts';
import { buildArm64Image } from '../support/arm64-image-builder.ts';
import { imageOf } from '../support/fixture-tree.ts';
import { absent, healthyMachine, read } from '../support/machine-facts.ts';
import { healthyKernel } from '../support/preflight-input.ts';
import { buildTree } from '../support/tree-builder.ts';

const RELEASE = '6.1.0-50-amd64';

/** What is said of an image in a machine that runs `RELEASE` with this version. */
function compare(
  bytes: Uint8Array | string,
  version = read('#1 SMP'),
  release: string | undefined = RELEASE,
  planned?: Uint8Array,
) {
  using tree = buildTree({ image: bytes });
  const image = `${tree.root}/image`;
  const plan = planned && ({ method: 'segments', segments: [{ name: 'kernel', bytes: planned }] } as unknown);
  const machine = healthyMachine({ release: read(RELEASE), version });
  const build = compareWithRunning(machine, { ...healthyKernel(), image, release }, plan as LoadPlan);
  return build.state === 'another' ? build.reason.replace(tree.root, '') : build.state;
}

test('a file of the running release is another build when its version is another', () => {
  assert.equal(compare(imageOf(RELEASE)), 'same');
  assert.equal(
    compare(imageOf(RELEASE), read('#1 SMP Debian 6.1.100-4')),
    '/image is not the kernel that runs: the file says #1 SMP, the running one #1 SMP Debian 6.1.100-4',
  );
});

test('of another release, or where one of the two does not say its version, nothing is claimed', () => {
  assert.equal(compare(imageOf(RELEASE), read('#2 SMP'), '6.12.9-amd64'), 'other-release');
  assert.equal(compare(imageOf(RELEASE), absent()), 'unknown');
  for (const bytes of ['', 'no kernel', buildArm64Image()])
    assert.equal(compare(bytes, read('#2 SMP')), 'unknown');
});

test('the version of an image without a header that says it is read from the plan, which has it unpacked', () => {
  const banner = Buffer.from(`Linux version ${RELEASE} (builder@host) (gcc 12) #2 SMP Debian\n\0`);
  assert.equal(compare(buildArm64Image(), read('#2 SMP Debian'), RELEASE, banner), 'same');
  assert.match(
    compare(buildArm64Image(), read('#1 SMP Debian'), RELEASE, banner),
    /the file says #2 SMP Debian/,
  );
});

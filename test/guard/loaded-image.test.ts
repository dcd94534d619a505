import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noteImage, OTHER_IMAGE, OTHER_SEGMENTS } from '../../src/guard/loaded-image.ts';
import { crashImageReader } from '../../src/machine/crash-image.ts';
import type { LoadPlan } from '../../src/plan/load-plan.ts';
import { planLoad } from '../../src/plan/plan-load.ts';
import { kernelCoreTree, type ShownImage } from '../support/kernel-core-tree.ts';
import { loadRequest, machineWithReservation } from '../support/load-requests.ts';
import { buildTree } from '../support/tree-builder.ts';

/** By kexec_file_load, with an initrd of that many bytes. */
function filePlan(initrdBytes: number | undefined): LoadPlan {
  const initrds =
    initrdBytes === undefined
      ? []
      : [{ name: 'initrd', path: undefined, bytes: new Uint8Array(initrdBytes) }];
  const machine = machineWithReservation();
  const plan = planLoad(
    loadRequest({ machine, slot: 'crash', method: 'file', initrds, isInitrdWhole: true }),
  );
  assert.equal(plan.method, 'file');
  return plan;
}

/** What the kernel makes of such a call: places of its own, memory to the end of the page. */
function fileImage(...lengths: readonly number[]): ShownImage {
  const segments = lengths.map((length, index) => ({
    address: 0x6000_0000n + BigInt(index << 24),
    memorySize: Math.ceil(length / 4096) * 4096,
    bytes: new Uint8Array(length),
  }));
  return { segments };
}

function note(image: ShownImage, plan: LoadPlan) {
  using tree = buildTree(kernelCoreTree(image));
  return noteImage(crashImageReader(tree.root)(), plan);
}

test('what kexec_file_load has placed is known by the length of the initrd, to the byte', () => {
  const own = note(fileImage(4096, 30_000, 5001), filePlan(5001));
  assert.match(own.imageDigest ?? '', /^[0-9a-f]{64}$/);
  assert.equal(own.imageObstacle, null);
  for (const [image, initrdBytes] of [
    [fileImage(4096, 30_000, 5002), 5001],
    [fileImage(4096, 30_000, 8192), 5001],
    // Of sixteen, the last two are not read.
    [fileImage(...Array<number>(16).fill(5002)), 5001],
  ] as const)
    assert.deepEqual(note(image, filePlan(initrdBytes)), { imageDigest: null, imageObstacle: OTHER_IMAGE });
});

test('where there is nothing to know an image by, it may be the guard’s and is not proven', () => {
  for (const [image, initrdBytes] of [
    [{ entry: 1n }, 5001],
    [fileImage(4096, 30_000), undefined],
  ] as const)
    assert.deepEqual(note(image, filePlan(initrdBytes)), {
      imageDigest: null,
      imageObstacle: OTHER_SEGMENTS,
    });
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fileLoadMemory, loadMemoryOf, roomFor, unpackingRoom } from '../../src/plan/load-memory.ts';
import type { FileLoadPlan } from '../../src/plan/load-plan.ts';
import { planLoad } from '../../src/plan/plan-load.ts';
import { buildBzImage } from '../support/bzimage-builder.ts';
import { loadRequest, segmentPlan } from '../support/load-requests.ts';

const MIB = 2 ** 20;
const INIT_SIZE = 60 * MIB;
const INITRD = { name: '/boot/initrd', path: '/boot/initrd', bytes: new Uint8Array(38 * MIB) };
const IMAGE = { name: '/boot/vmlinuz', path: '/boot/vmlinuz', bytes: buildBzImage({ initSize: INIT_SIZE }) };
const nothingHeld = () => 0;
const allHeld = ({ length }: Uint8Array) => length;

function filePlan(over: Partial<FileLoadPlan> = {}): FileLoadPlan {
  const plan = planLoad(loadRequest({ method: 'file', image: IMAGE, initrds: [INITRD] }));
  assert.equal(plan.method, 'file');
  return { ...plan, ...over };
}

describe('the memory of a load by segments', () => {
  const plan = segmentPlan({ initrds: [INITRD] });
  const segments = plan.segments.reduce((sum, { memorySize }) => sum + memorySize, 0);
  const content = plan.segments.reduce((sum, { bytes }) => sum + bytes.length, 0);

  test('is that of the segments, once, where the content lies in mapped files', () => {
    const { segmentBytes, neededBytes } = loadMemoryOf(plan, nothingHeld);
    assert.equal(segmentBytes, segments);
    assert.equal(neededBytes, segments + 4 * MIB);
  });

  test('counts once more what this process holds', () => {
    assert.equal(loadMemoryOf(plan, allHeld).neededBytes, segments + content + 4 * MIB);
  });

  test('is only what is held for a panic kernel, which has its own', () => {
    assert.equal(loadMemoryOf({ ...plan, slot: 'crash' }, allHeld).neededBytes, content + 4 * MIB);
  });
});

describe('the memory of a load by kexec_file_load', () => {
  const image = IMAGE.bytes.length;
  const initrd = INITRD.bytes.length;

  test('is the files as the kernel reads them, and the copies as they will run', () => {
    const { segmentBytes, neededBytes } = loadMemoryOf(filePlan(), nothingHeld);
    assert.equal(segmentBytes, INIT_SIZE + initrd + 4 * MIB);
    assert.equal(neededBytes, image + initrd + segmentBytes);
  });

  test('counts what is held, and a second time what has to be handed over in a file in memory', () => {
    const bare = loadMemoryOf(filePlan(), nothingHeld).neededBytes;
    assert.equal(loadMemoryOf(filePlan(), allHeld).neededBytes, bare + image + initrd);
    const joined = filePlan({ initrd: { ...INITRD, path: undefined } });
    assert.equal(loadMemoryOf(joined, allHeld).neededBytes, bare + image + 2 * initrd);
  });

  test('of a panic kernel is the files alone', () => {
    const sizes = { imageBytes: 12, memoryBytes: 60, initrdBytes: 38 };
    assert.equal(fileLoadMemory(sizes, 'crash').neededBytes, 12 + 38);
  });
});

test('room is ample up to four fifths of what is available, and scarce up to all of it', () => {
  assert.equal(roomFor(80, 100), 'ample');
  assert.equal(roomFor(81, 100), 'scarce');
  assert.equal(roomFor(100, 100), 'scarce');
  assert.equal(roomFor(101, 100), 'none');
});

test('an initrd has half of RAM to unpack into without root=, and all of it but for itself otherwise', () => {
  const initrd = { packedBytes: 20, unpackedBytes: 60 };
  assert.equal(unpackingRoom(initrd, 100, 'quiet').room, 'none');
  assert.equal(unpackingRoom(initrd, 100, 'initramfs_options=size=90%').room, 'scarce');
  assert.equal(unpackingRoom(initrd, 100, 'root=/dev/vda1').room, 'scarce');
  assert.equal(unpackingRoom(initrd, 79, 'root=/dev/vda1').room, 'none');
  assert.equal(unpackingRoom(initrd, 200, 'quiet').room, 'ample');
});

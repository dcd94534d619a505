import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeBootArea, type Partition } from '../../src/lab/master-boot-record.ts';

const PARTITIONS: readonly Partition[] = [
  { start: 2048, length: 100, type: 0xef, isActive: false },
  { start: 4096, length: 5000, type: 0x83, isActive: true },
];

test('boot code, table and core image are where BIOS and GRUB look for them', () => {
  const area = Buffer.from(
    encodeBootArea(Buffer.alloc(512, 0x90), Buffer.alloc(700, 0xcc), 0x6b686f70, PARTITIONS),
  );
  assert.equal(area.length, 512 * 3);
  assert.equal(area[0x1b7], 0x90);
  assert.equal(area.readUInt32LE(0x1b8), 0x6b686f70);
  assert.deepEqual(
    [area[0x1be], area[0x1c2], area.readUInt32LE(0x1c6), area.readUInt32LE(0x1ca)],
    [0, 0xef, 2048, 100],
  );
  assert.deepEqual(
    [area[0x1ce], area[0x1d2], area.readUInt32LE(0x1d6), area.readUInt32LE(0x1da)],
    [0x80, 0x83, 4096, 5000],
  );
  assert.equal(area.readUInt16LE(0x1fe), 0xaa55);
  assert.equal(area.indexOf(0xcc), 512);
});

test('a core image that would reach into the first partition is refused', () => {
  const core = Buffer.alloc(2047 * 512 + 1);
  assert.throws(() => encodeBootArea(Buffer.alloc(512), core, 1, PARTITIONS), { code: 'E_LAB' });
  assert.ok(encodeBootArea(Buffer.alloc(512), core.subarray(1), 1, PARTITIONS));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { cpioFile, encodeCpio } from '../../src/formats/cpio-writer.ts';
import { chooseKernel } from '../../src/switch/choose-kernel.ts';
import { homeRooms } from '../../src/trial/home-room.ts';
import { read } from '../support/machine-facts.ts';
import { machineAtHome, OLD, trialWorld } from '../support/trial-world.ts';
import { buildKernelImage } from '../support/unpacked-kernel-builder.ts';

const MIB = 2 ** 20;
const image = buildKernelImage({ header: { kernelVersion: `${OLD} (builder@host) #1 SMP` } });
/** 40 MiB, and next to nothing with any compression. */
const large = gzipSync(
  encodeCpio([
    cpioFile('init', Buffer.from('#!/bin/sh\n'), 0o755),
    cpioFile('zeros', Buffer.alloc(40 * MIB)),
  ]),
);

function roomsOn(totalBytes: bigint): readonly bigint[] {
  const machine = { ...machineAtHome(), memoryTotalBytes: read(totalBytes) };
  using at = trialWorld(machine, null, { 'boot/old': image, 'boot/old.img': large });
  return homeRooms(at.world, chooseKernel(at.world, machine, OLD));
}

test('the way home gets the room of the prepared kernel before that of its files', () => {
  const [prepared = 0n, packed = 0n, ...none] = roomsOn(4n << 30n);
  assert.deepEqual(none, []);
  assert.ok(prepared > 40n << 20n, `${prepared} bytes`);
  assert.ok(packed > BigInt(image.length + large.length) && packed < 3n << 20n, `${packed} bytes`);
});

test('a machine with little memory gives up no more than the files take', () => {
  const rooms = roomsOn(1n << 30n);
  assert.equal(rooms.length, 1);
  assert.ok(rooms[0]! < 3n << 20n, `${rooms[0]} bytes`);
});

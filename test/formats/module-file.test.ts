import assert from 'node:assert/strict';
import { test } from 'node:test';
import { moduleName, parseModule } from '../../src/formats/module-file.ts';
import { assertSurvivesDamage, assertSurvivesTruncation } from '../support/hostile-bytes.ts';
import { buildModule, signModule } from '../support/module-builder.ts';

const EXT4 = buildModule({
  license: 'GPL',
  softdep: ['pre: crc32c  post: x-y z'],
  alias: ['fs-ext4', 'ext3'],
  firmware: ['a/b.bin', 'a/c-*.bin'],
  depends: 'jbd2,mbcache,crc16',
  retpoline: 'Y',
  intree: 'Y',
  name: 'ext4',
  vermagic: '6.1.0-56-cloud-amd64 SMP preempt mod_unload modversions ',
});

test('.modinfo says what a module is called, needs and answers to', () => {
  assert.deepEqual(parseModule(EXT4), {
    info: {
      name: 'ext4',
      depends: ['jbd2', 'mbcache', 'crc16'],
      softDependsBefore: ['crc32c'],
      softDependsAfter: ['x_y', 'z'],
      aliases: ['fs-ext4', 'ext3'],
      firmware: ['a/b.bin', 'a/c-*.bin'],
      versionMagic: '6.1.0-56-cloud-amd64 SMP preempt mod_unload modversions ',
    },
    signature: undefined,
  });
});

test('a module that needs nothing has empty lists', () => {
  const { info } = parseModule(buildModule({ depends: '', name: 'virtio-ring' }));
  assert.equal(info.name, 'virtio_ring');
  assert.deepEqual([info.depends, info.softDependsBefore, info.aliases, info.firmware], [[], [], [], []]);
});

test('the signature behind a module is found, and does not disturb the rest', () => {
  const signed = signModule(EXT4, Buffer.from('a PKCS#7 message'));
  const module = parseModule(signed);
  assert.equal(module.signature?.idType, 2);
  assert.equal(Buffer.from(module.signature!.bytes).toString(), 'a PKCS#7 message');
  assert.deepEqual(module.info, parseModule(EXT4).info);
});

test('a signature longer than the file is refused', () => {
  const signed = Buffer.from(signModule(EXT4, new Uint8Array(4)));
  signed.writeUInt32BE(0xffffffff, signed.length - 28 - 4);
  assert.throws(() => parseModule(signed), { code: 'E_FORMAT', message: /module signature/ });
});

test('what is no module is refused', () => {
  assert.throws(() => parseModule(Buffer.from('#!/bin/sh')), { code: 'E_FORMAT' });
  assert.throws(() => parseModule(buildModule({ license: 'GPL' })), { message: /does not say the name/ });
});

test('cut off or damaged, a module is refused or read', () => {
  const signed = signModule(EXT4, new Uint8Array(30));
  assertSurvivesTruncation(parseModule, signed);
  assertSurvivesTruncation(parseModule, EXT4, EXT4.length);
  assertSurvivesDamage(parseModule, signed);
});

test('a path, a file and a name mean the same module', () => {
  for (const name of ['/lib/modules/6.1/kernel/virtio-blk.ko.xz', 'virtio-blk.ko', 'virtio_blk'])
    assert.equal(moduleName(name), 'virtio_blk');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { readKernelConfiguration } from '../../src/plan/kernel-configuration.ts';
import type { UnwrappedImage } from '../../src/plan/unwrap-image.ts';
import { buildBzImage } from '../support/bzimage-builder.ts';

function unwrapped(kind: UnwrappedImage['kind'], bytes: Uint8Array): UnwrappedImage {
  const kernel = { name: '/boot/vmlinux', path: '/boot/vmlinux', bytes };
  return { kind, kernel, initrds: [], commandLine: undefined, wrappings: [] };
}

const CARRIES_ONE = Buffer.concat([
  Buffer.from('\x7fELF IKCFG_ST', 'latin1'),
  gzipSync('CONFIG_KEXEC=y\n'),
  Buffer.from('IKCFG_ED'),
]);

test('the text beside a kernel comes before what the kernel carries in itself', () => {
  const reading = readKernelConfiguration(unwrapped('elf', CARRIES_ONE), 'CONFIG_KEXEC=m\n');
  assert.deepEqual(reading, {
    state: 'read',
    value: new Map([['CONFIG_KEXEC', 'm']]),
    source: 'the configuration of /boot/vmlinux',
  });
});

test('without one beside it, the configuration in the kernel is read', () => {
  for (const kind of ['elf', 'arm64-image'] as const)
    assert.deepEqual(readKernelConfiguration(unwrapped(kind, CARRIES_ONE), undefined), {
      state: 'read',
      value: new Map([['CONFIG_KEXEC', 'y']]),
      source: 'the configuration in /boot/vmlinux',
    });
});

test('a bzImage is unpacked for it, by any compression', () => {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(CARRIES_ONE.length);
  for (const payload of [gzipSync(CARRIES_ONE), Buffer.concat([zstdCompressSync(CARRIES_ONE), size])]) {
    const image = buildBzImage({ payload });
    const reading = readKernelConfiguration(unwrapped('bzimage', image), undefined);
    assert.equal(reading.state, 'read');
  }
});

test('a kernel without one has none, and a damaged one is not the same as none', () => {
  const source = 'the configuration of /boot/vmlinux';
  const none = readKernelConfiguration(unwrapped('elf', Buffer.from('\x7fELF')), undefined);
  assert.deepEqual(none, { state: 'absent', source });
  const damaged = readKernelConfiguration(unwrapped('elf', CARRIES_ONE.subarray(0, -3)), undefined);
  assert.equal(damaged.state, 'unreadable');
  const noBzImage = readKernelConfiguration(unwrapped('bzimage', CARRIES_ONE), undefined);
  assert.equal(noBzImage.state, 'unreadable');
});

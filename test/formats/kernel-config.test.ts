import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { readIkconfig } from '../../src/formats/ikconfig.ts';
import { parseKernelConfig } from '../../src/formats/kernel-config.ts';
import { assertSurvivesDamage, assertSurvivesTruncation } from '../support/hostile-bytes.ts';
import { processorTimeMs } from '../support/processor-time.ts';

const TEXT = `#
# Automatically generated file; DO NOT EDIT.
#
CONFIG_64BIT=y
CONFIG_EXT4_FS=m
CONFIG_HZ=250
CONFIG_PHYSICAL_START=0x1000000
CONFIG_LOCALVERSION=""
CONFIG_CC_VERSION_TEXT="gcc \\"12\\" \\\\ here"
# CONFIG_KEXEC is not set
# CONFIG_X is not a setting
CONFIG_CRLF=y\r
not a line=1
`;

/** A kernel with its configuration somewhere in it. */
function kernelWith(config: Uint8Array, tail = 'IKCFG_ED'): Uint8Array {
  const parts = ['\x7fELF', 'IKCFG_ST in a message', 'IKCFG_ST', config, tail, 'more'];
  return new Uint8Array(
    Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part))),
  );
}

test('every form of a value is read, quotes and escapes are taken off', () => {
  assert.deepEqual(Object.fromEntries(parseKernelConfig(TEXT)), {
    CONFIG_64BIT: 'y',
    CONFIG_EXT4_FS: 'm',
    CONFIG_HZ: '250',
    CONFIG_PHYSICAL_START: '0x1000000',
    CONFIG_LOCALVERSION: '',
    CONFIG_CC_VERSION_TEXT: 'gcc "12" \\ here',
    CONFIG_KEXEC: 'n',
    CONFIG_CRLF: 'y',
  });
});

test('a hostile text takes no longer than its length', () => {
  const took = processorTimeMs(() => {
    parseKernelConfig(`CONFIG_A="${'\\'.repeat(200_000)}\n`.repeat(5));
    parseKernelConfig(`CONFIG_A=${' '.repeat(500_000)}x\n# CONFIG_${'A'.repeat(500_000)}`);
  });
  assert.ok(took < 2000, `${took} ms`);
});

test('the configuration inside a kernel is found, a mark without one passed over', () => {
  assert.equal(readIkconfig(kernelWith(gzipSync(TEXT)), 'vmlinux'), TEXT);
  assert.equal(readIkconfig(Buffer.from('IKCFG_ST but nothing else'), 'vmlinux'), undefined);
});

test('one that is damaged is refused, not taken for absent', () => {
  assert.throws(() => readIkconfig(kernelWith(gzipSync(TEXT), 'IKCFG_XX'), '/boot/vmlinux'), {
    code: 'E_FORMAT',
    message: '/boot/vmlinux: its configuration is not followed by IKCFG_ED',
  });
  const kernel = kernelWith(gzipSync(TEXT));
  const read = (bytes: Uint8Array) => readIkconfig(bytes, 'vmlinux');
  assertSurvivesTruncation(read, kernel);
  assertSurvivesDamage((bytes) => assert.ok([TEXT, undefined].includes(read(bytes))), kernel, {
    start: 25,
    end: kernel.length,
  });
});

test('more text than any configuration has is refused', () => {
  assert.throws(() => readIkconfig(kernelWith(gzipSync(new Uint8Array(9 << 20))), 'v'), {
    code: 'E_UNSUPPORTED',
  });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseKexecOptions } from '../../../src/cli/kexec/kexec-options.ts';
import { KhopError } from '../../../src/error.ts';

const TABLE: readonly (readonly [words: string, expected: Partial<ReturnType<typeof parseKexecOptions>>])[] =
  [
    [
      '-l vmlinuz --initrd=i --append=ro',
      { action: 'load', kernel: 'vmlinuz', initrd: 'i', commandLine: 'ro' },
    ],
    ['-s -l vmlinuz --reuse-cmdline', { action: 'load', method: 'file', reuseCommandLine: true }],
    ['-slc vmlinuz', { action: 'load', method: 'segments' }],
    ['-p vmlinuz --ramdisk i', { action: 'load-panic', initrd: 'i' }],
    ['-u', { action: 'unload' }],
    ['-p -u', { action: 'unload-panic' }],
    ['-e', { action: 'exec', sync: true, ifdown: true }],
    ['-ey', { action: 'exec', sync: false, ifdown: true }],
    ['-e --no-ifdown', { action: 'exec', sync: true, ifdown: false }],
    ['-fx vmlinuz', { action: 'force', kernel: 'vmlinuz', ifdown: false }],
    ['-f vmlinuz', { action: 'force' }],
    ['-l -e', { action: 'exec' }],
    ['-e -l vmlinuz', { action: 'load' }],
    ['-l -f vmlinuz', { action: 'force' }],
    ['-f -l vmlinuz', { action: 'load' }],
    ['-p -l vmlinuz', { action: 'load-panic' }],
    ['-u -l vmlinuz', { action: 'load' }],
    ['-u -p', { action: 'unload-panic' }],
    ['-S', { action: 'status', statusSlot: 'crash' }],
    ['-l -S', { action: 'status', statusSlot: 'normal' }],
    ['vmlinuz', { action: 'load-and-reboot' }],
    ['-tbzImage -l x', { action: 'load', kernel: 'x' }],
    ['--load x --command-l=a', { action: 'load', commandLine: 'a' }],
    ['-i -l x', { action: 'load', ignored: ['--no-checks'] }],
  ];

for (const [words, expected] of TABLE)
  test(`kexec ${words} means ${JSON.stringify(expected)}`, () => {
    const request = parseKexecOptions(words.split(' '));
    for (const [key, value] of Object.entries(expected))
      assert.deepEqual(request[key as keyof typeof request], value, key);
  });

test('what khop does not do is refused by name', () => {
  for (const words of [['--mem-min=0x1000'], ['--load-preserve-context'], ['--noefi'], ['--module', 'm']])
    assert.throws(() => parseKexecOptions(words), /is not supported/);
});

test('unknown, ambiguous and incomplete options are errors', () => {
  assert.throws(() => parseKexecOptions(['--no-such']), /unknown option/);
  assert.throws(() => parseKexecOptions(['--kexec']), /ambiguous/);
  assert.throws(() => parseKexecOptions(['--initrd']), /needs a value/);
  assert.throws(() => parseKexecOptions(['-l', 'a', 'b']), /more than one kernel/);
});

test('any words give a request or an error of ours', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 12 })), (words) => {
      try {
        parseKexecOptions(words);
      } catch (error) {
        assert.ok(error instanceof KhopError);
      }
    }),
  );
});

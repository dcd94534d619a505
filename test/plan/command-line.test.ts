import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  appendArguments,
  checkCommandLine,
  commandLineBytes,
  commandLineValue,
  diffCommandLines,
  hasArgument,
  parseCommandLine,
  reusableCommandLine,
  withoutArguments,
} from '../../src/plan/command-line.ts';

function pairs(line: string): (string | undefined)[][] {
  return parseCommandLine(line).map(({ name, value }) => [name, value]);
}

test('splits at spaces outside quotes, as the kernel does', () => {
  assert.deepEqual(pairs('root=/dev/vda1  ro\tquiet '), [
    ['root', '/dev/vda1'],
    ['ro', undefined],
    ['quiet', undefined],
  ]);
  assert.deepEqual(pairs('a="b c" "d=e f" "g h"'), [
    ['a', 'b c'],
    ['d', 'e f'],
    ['g h', undefined],
  ]);
  assert.deepEqual(pairs('dyndbg="file a.c +p; func b +p"'), [['dyndbg', 'file a.c +p; func b +p']]);
});

test('an unclosed quote runs to the end, and a quote inside a value stays', () => {
  assert.deepEqual(pairs('a="b c d'), [['a', 'b c d']]);
  assert.deepEqual(pairs('a=b"c d"e'), [['a', 'b"c d"e']]);
  assert.deepEqual(pairs('"'), [['', undefined]]);
});

test('only the first equals sign that is not the first character separates', () => {
  assert.deepEqual(pairs('root=UUID=1-2 =x =a=b'), [
    ['root', 'UUID=1-2'],
    ['=x', undefined],
    ['=a', 'b'],
  ]);
});

test('the last of repeated arguments wins, dashes equal underscores, and init’s own do not count', () => {
  const line = 'console=tty0 console=ttyS0 log-buf-len=1M -- console=no single';
  assert.equal(commandLineValue(line, 'console'), 'ttyS0');
  assert.equal(commandLineValue(line, 'log_buf_len'), '1M');
  assert.equal(hasArgument(line, 'single'), false);
  assert.equal(commandLineValue(line, 'root'), undefined);
});

test('reuse drops what belongs to one boot, and a panic kernel’s reservation only for the panic slot', () => {
  const running =
    'BOOT_IMAGE=/boot/vmlinuz-6.1 root=/dev/vda1 initrd=\\initrd.img crashkernel=256M elfcorehdr=0x1 khop.home=1 khop.trial=2 quiet -- initrd=mine';
  assert.equal(
    reusableCommandLine(running, 'normal'),
    'root=/dev/vda1 crashkernel=256M quiet -- initrd=mine',
  );
  assert.equal(reusableCommandLine(running, 'crash'), 'root=/dev/vda1 quiet -- initrd=mine');
});

test('appended arguments go before what belongs to init', () => {
  assert.equal(
    appendArguments('root=/dev/vda1 -- single', 'quiet a="b c"'),
    'root=/dev/vda1 quiet a="b c" -- single',
  );
  assert.equal(appendArguments('', 'quiet'), 'quiet');
  assert.equal(appendArguments('quiet', ''), 'quiet');
});

test('removing arguments leaves init’s own alone', () => {
  assert.equal(withoutArguments('a=1 b a c -- a', ['a']), 'b c -- a');
});

test('a difference counts repeats and ignores order', () => {
  assert.deepEqual(diffCommandLines('a b b c', 'c b d'), {
    kept: ['c', 'b'],
    removed: ['a', 'b'],
    added: ['d'],
  });
});

test('the length is counted in bytes of UTF-8 with the NUL', () => {
  assert.equal(commandLineBytes('é').length, 3);
  checkCommandLine('a'.repeat(2016), 2017, 'the kernel');
  assert.throws(() => checkCommandLine('a'.repeat(2017), 2017, 'kexec_file_load'), {
    code: 'E_PLAN',
    message: /2018 bytes long with its NUL, kexec_file_load takes 2017/,
  });
});

test('a NUL or a line break, which would cut the line, is refused', () => {
  for (const bad of ['a\0b', 'a\nb', 'a\rb'])
    assert.throws(() => checkCommandLine(bad, 2048, 'the kernel'), { code: 'E_PLAN' });
});

test('whatever the text: splitting and joining keeps the arguments, and nothing throws', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '=', '"', ' ', '-', '\t', 'é'), maxLength: 40 });
  fc.assert(
    fc.property(text, text, (line, extra) => {
      const once = parseCommandLine(line);
      const again = parseCommandLine(once.map((argument) => argument.text).join(' '));
      assert.deepEqual(again, once);
      const diff = diffCommandLines(line, extra);
      assert.equal(diff.kept.length + diff.removed.length, once.length);
      assert.equal(diff.kept.length + diff.added.length, parseCommandLine(extra).length);
    }),
  );
});

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { KhopError } from '../../../src/error.ts';
import { ELF_TYPES, parseElf, SEGMENT_FLAGS } from '../../../src/formats/elf.ts';
import { encodeExecutable, IMAGE_ADDRESS } from '../../../src/formats/static-program/executable.ts';
import { fn, type ProgramFunction } from '../../../src/formats/static-program/functions.ts';
import { LINUX } from '../../../src/formats/static-program/library/linux.ts';
import { writeAll } from '../../../src/formats/static-program/library/output.ts';
import { argumentsOf, environmentOf, fork } from '../../../src/formats/static-program/library/process.ts';
import {
  giveBack,
  leaveLoop,
  loop,
  loopWhile,
  set,
  store,
  when,
} from '../../../src/formats/static-program/statements.ts';
import { encodeStaticProgram } from '../../../src/formats/static-program/static-program.ts';
import { load, sys, type Term, wordsAt, zeroed } from '../../../src/formats/static-program/terms.ts';
import { PROGRAM_RUNNERS, runProgram } from '../../support/static-programs.ts';

const ARCHITECTURES = ['x86-64', 'arm64'] as const;
const { AT_FDCWD, O_CREAT, O_DIRECTORY, O_RDONLY, O_TRUNC, O_WRONLY } = LINUX;

const greet = fn('greet', ['stack'], [], () => [giveBack(writeAll(1, 'hello\n', 6))]);

for (const runner of PROGRAM_RUNNERS) {
  const { architecture, skip } = runner;

  test(`${architecture}: a program writes a file, syncs it and ends with its status`, { skip }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'khop-program-'));
    try {
      const save = fn('save', ['stack'], ['fd'], ({ fd }) => [
        set(fd, sys.openat(AT_FDCWD, 'report', O_WRONLY | O_CREAT | O_TRUNC, 0o640)),
        when([fd, '<', 0], [giveBack(1)]),
        when(writeAll(fd, 'saved', 5), [giveBack(2)]),
        when(sys.fsync(fd), [giveBack(3)]),
        when(sys.close(fd), [giveBack(4)]),
        giveBack(42),
      ]);
      assert.equal(runProgram(runner, save, { folder }).status, 42);
      assert.equal(readFileSync(join(folder, 'report'), 'utf8'), 'saved');
      assert.equal(statSync(join(folder, 'report')).mode & 0o777 & ~0o022, 0o640 & ~0o022);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test(`${architecture}: a refused call gives the negative errno`, { skip }, () => {
    const main = fn('main', ['stack'], [], () => [
      giveBack([0, '-', sys.openat(AT_FDCWD, '/khop-no-such-file', O_RDONLY)]),
    ]);
    assert.equal(runProgram(runner, main).status, 2);
  });

  test(`${architecture}: a child has its own memory, and its status comes back`, { skip }, () => {
    const shared = zeroed(8);
    const status = zeroed(4);
    const main = fn('main', ['stack'], ['child'], ({ child }) => [
      set(child, fork()),
      when([child, '==', 0], [store.u64(shared, 1), writeAll(1, 'child ', 6), sys.exit_group(7)]),
      when([sys.wait4(child, status, 0, 0), '!=', child], [giveBack(100)]),
      writeAll(1, 'parent', 6),
      giveBack([[load.u32(status), '>>', 8], '+', [load.u64(shared), '*', 50]]),
    ]);
    const result = runProgram(runner, main);
    assert.equal(result.output.toString(), 'child parent');
    assert.equal(result.status, 7);
  });

  test(`${architecture}: a program reads a directory`, { skip }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'khop-program-'));
    try {
      for (const name of ['one', 'two', 'three']) mkdirSync(join(folder, name));
      const buffer = zeroed(1024, 8);
      const list = fn('list', ['stack'], ['fd', 'size', 'at', 'name'], ({ fd, size, at, name }) => [
        set(fd, sys.openat(AT_FDCWD, '.', [O_RDONLY, '|', O_DIRECTORY])),
        loop([
          set(size, sys.getdents64(fd, buffer, 1024)),
          when([size, '<=', 0], [leaveLoop]),
          set(at, buffer),
          loopWhile(
            [at, '<u', [buffer, '+', size]],
            [
              set(name, [at, '+', 19]), // d_name of struct linux_dirent64
              loopWhile(load.u8(name), [sys.write(1, name, 1), set(name, [name, '+', 1])]),
              sys.write(1, '\n', 1),
              set(at, [at, '+', load.u16([at, '+', 16])]), // d_reclen
            ],
          ),
        ]),
        giveBack([0, '-', size]),
      ]);
      const result = runProgram(runner, list, { folder });
      assert.equal(result.status, 0);
      assert.deepEqual(result.output.toString().trim().split('\n').sort(), [
        '.',
        '..',
        'one',
        'three',
        'two',
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test(`${architecture}: execve gets arguments and the environment`, { skip }, () => {
    const main = fn('main', ['stack'], [], ({ stack }) => [
      sys.execve(
        '/bin/sh',
        wordsAt('sh', '-c', 'echo "$0 $1 $WHERE"', 'zero', 'one', 0),
        environmentOf(stack),
      ),
      giveBack(1),
    ]);
    const result = runProgram(runner, main, { args: ['a', 'b'], environment: { WHERE: 'here' } });
    assert.equal(result.output.toString(), 'zero one here\n');
    assert.equal(result.status, 0);
  });

  test(`${architecture}: a program sees its own arguments`, { skip }, () => {
    const main = fn('main', ['stack'], [], ({ stack }) => [
      writeAll(1, load.u64([argumentsOf(stack), '+', 8]), 3),
      giveBack(load.u64(stack)),
    ]);
    const result = runProgram(runner, main, { args: ['abc', 'd'] });
    assert.equal(result.output.toString(), 'abc');
    assert.equal(result.status, 3);
  });

  test(`${architecture}: constants and code cannot be written to`, { skip }, () => {
    const main = fn('main', ['stack'], [], () => [store.u8('constant', 1), giveBack(0)]);
    assert.equal(runProgram(runner, main).signal, 'SIGSEGV');
  });
}

test('a file has code and constants to read, memory to write to, and no memory for both', () => {
  for (const architecture of ARCHITECTURES) {
    const elf = parseElf(encodeStaticProgram(greet, architecture));
    assert.equal(elf.type, ELF_TYPES.executable);
    const { read, write, execute } = SEGMENT_FLAGS;
    assert.deepEqual(
      elf.programHeaders.map(({ flags }) => flags),
      [read | execute, read | write, read | write],
    );
    for (const { offset, virtualAddress, alignment } of elf.programHeaders)
      assert.equal(virtualAddress % alignment, offset % alignment);
    const [code] = elf.programHeaders;
    assert.ok(elf.entry > code!.virtualAddress && elf.entry < code!.virtualAddress + code!.memorySize);
  }
});

test('the same program is the same file', () => {
  const digests = ARCHITECTURES.map((architecture) =>
    createHash('sha256').update(encodeStaticProgram(greet, architecture)).digest('hex'),
  );
  assert.deepEqual(digests, [
    '0147f44dda01148d068bff62b725d641ae768b6c5575392bbd5d41c0b5b8d8b4',
    '4fbe7bc7bda96d630409094c7388f1f69ede4a8aea07df267cf22983dc628c84',
  ]);
});

test('a function that is not called takes no place', () => {
  const unused = fn('unused', [], [], () => [giveBack(0x1122_3344_5566_7788n)]);
  const with_ = fn('with', ['stack'], [], () => [unused()]);
  const without = fn('without', ['stack'], [], () => [when(0, [])]);
  const marker = Buffer.from('8877665544332211', 'hex');
  assert.ok(Buffer.from(encodeStaticProgram(with_, 'x86-64')).includes(marker));
  assert.ok(!Buffer.from(encodeStaticProgram(without, 'x86-64')).includes(marker));
});

test('a text or table that is used twice is there once', () => {
  const main = fn('main', ['stack'], [], () => [
    sys.execve('a text', wordsAt('a text', 0), wordsAt('a text', 0)),
  ]);
  const file = Buffer.from(encodeStaticProgram(main, 'arm64'));
  assert.equal(file.indexOf('a text'), file.lastIndexOf('a text'));
});

test('a program that cannot be is refused when it is made', () => {
  const refused = (statement: () => Term | ProgramFunction<readonly [string]>, problem: RegExp) =>
    assert.throws(
      () => {
        const made = statement();
        const main = typeof made === 'function' ? made : fn('main', ['stack'], [], () => [giveBack(made)]);
        encodeStaticProgram(main, 'x86-64');
      },
      (error: unknown) =>
        error instanceof KhopError && error.code === 'E_INTERNAL' && problem.test(error.message),
    );
  const other = fn('other', ['value'], [], () => []);
  refused(() => {
    let foreign: Term = 0;
    const owner = fn('owner', ['stack'], ['mine'], ({ mine }) => {
      foreign = mine;
      return [];
    });
    encodeStaticProgram(owner, 'arm64');
    return foreign;
  }, /main uses mine, which is a variable of owner/);
  refused(() => (other as unknown as () => Term)(), /calls other with 0 arguments instead of 1/);
  refused(
    () => (sys.close as (...args: number[]) => Term)(1, 2, 3, 4, 5, 6, 7),
    /calls close with 7 arguments instead of 6/,
  );
  const undeclared = /main uses a variable that it has not declared/;
  refused(
    () =>
      // @ts-expect-error
      fn('main', ['stack'], [], ({ missing }) => [giveBack(missing)]),
    undeclared,
  );
  refused(
    () =>
      // @ts-expect-error
      fn('main', ['stack'], [], ({ missing }) => [set(missing, 1)]),
    undeclared,
  );
  refused(
    () =>
      // @ts-expect-error
      fn('main', ['stack'], [], ({ missing }) => [giveBack([1, '+', missing])]),
    undeclared,
  );
  refused(() => 0.5, /0\.5 is no integer/);
  refused(() => 1n << 64n, /does not fit into 64 bits/);
  refused(() => -(1n << 63n) - 1n, /does not fit into 64 bits/);
  refused(() => 'a\0b', /has a NUL in it/);
  refused(() => wordsAt(load.u8(0)), /holds a word that is no constant/);
  refused(() => zeroed(0), /0 is no size of memory/);
  refused(() => zeroed(8, 3), /3 is no alignment/);
  refused(() => fn('main', ['stack'], [], () => [leaveLoop]), /main has a leave-loop outside of a loop/);
  refused(() => fn('main', ['stack'], ['stack'], () => []), /two variables of one name/);
  refused(
    () =>
      fn(
        'main',
        ['stack'],
        Array.from({ length: 33 }, (_, index) => `v${index}`),
        () => [],
      ),
    /more than 32 local variables/,
  );
  refused(
    () => fn('main', ['a', 'b', 'c', 'd', 'e', 'f', 'g'], [], () => []) as unknown as typeof greet,
    /more than 6 parameters/,
  );
  refused(() => fn('main', [], [], () => []) as unknown as typeof greet, /one parameter, the initial stack/);
  assert.throws(
    () =>
      encodeExecutable({
        machine: 62,
        image: new Uint8Array(252 << 20),
        entry: IMAGE_ADDRESS,
        zeroedSize: 1,
      }),
    /264241152 bytes of code and constants are too many/,
  );
});

import assert from 'node:assert/strict';
import { closeSync, constants, copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import { SYSCALL_NUMBERS } from '../../src/formats/syscall-numbers.ts';
import { errnoName, errnoNumber, formatErrno } from '../../src/machine/errno.ts';
import { hostArchitecture } from '../../src/machine/host-architecture.ts';
import { runProcess } from '../../src/machine/run-process.ts';
import {
  formatCall,
  formatFlags,
  packagedModulePath,
  SyscallError,
  syscall,
  syscallError,
  textArgument,
  trySyscall,
  trySyscallWithin,
} from '../../src/machine/syscall.ts';

test('a call returns its result: memfd_create gives a descriptor', () => {
  const fd = Number(syscall('memfd_create', textArgument('name', 'khop-test'), { name: 'flags', value: 1 }));
  try {
    assert.equal(readFileSync(fd).length, 0);
    assert.equal(
      syscall(
        'lseek',
        { name: 'fd', value: fd },
        { name: 'offset', value: 5n << 30n },
        { name: 'whence', value: 0 },
      ),
      5n << 30n,
    );
  } finally {
    closeSync(fd);
  }
});

test('a failed call is printed as strace prints it', () => {
  assert.throws(
    () =>
      syscall('memfd_create', textArgument('name', 'x'), {
        name: 'flags',
        value: 0x40000000,
        shown: '0x40000000',
      }),
    (error: unknown) => {
      assert.ok(error instanceof SyscallError);
      assert.equal(error.message, 'memfd_create(name="x", flags=0x40000000) = -1 EINVAL (Invalid argument)');
      assert.equal(error.code, 'E_SYSCALL');
      assert.equal(error.errnoName, 'EINVAL');
      assert.match(error.hint, /memfd_create\(2\)/);
      return true;
    },
  );
});

test('errno belongs to the call that failed, however often calls alternate', () => {
  for (let i = 0; i < 2000; i++) {
    const bad = trySyscall('lseek', { name: 'fd', value: -1 }, { name: 'offset', value: 0 });
    assert.deepEqual(bad, { ok: false, errno: 9, name: 'EBADF' });
    const wrong = trySyscall('memfd_create', textArgument('name', 'x'), { name: 'flags', value: 0x40000000 });
    assert.deepEqual(wrong, { ok: false, errno: 22, name: 'EINVAL' });
  }
});

test('a call on another thread gives the same outcome', async () => {
  const bad = await trySyscallWithin(2000, 'lseek', { name: 'fd', value: -1 }, { name: 'offset', value: 0 });
  assert.deepEqual(bad, { ok: false, errno: 9, name: 'EBADF' });
});

test('calls and flags are formatted with names, lengths and hexadecimal addresses', () => {
  assert.equal(
    formatCall('kexec_load', [
      { name: 'entry', value: 0x1000n },
      { name: 'nr_segments', value: 5 },
      { name: 'segments', value: new Uint8Array(160) },
      { name: 'nothing', value: null },
    ]),
    'kexec_load(entry=0x1000, nr_segments=5, segments=<160 bytes>, nothing=NULL)',
  );
  const names = { ON: 1, TWO: 2, HIGH: 0x80000000 };
  assert.equal(formatFlags(0, names), '0');
  assert.equal(formatFlags(3, names), 'ON|TWO');
  assert.equal(formatFlags(0x80000011, names), 'ON|HIGH|0x10');
  assert.match(
    syscallError('reboot', [], 1, { notes: ['kernel: no'] }).message,
    /\(Operation not permitted\)\nkernel: no$/,
  );
});

test('every errno has one name and one number', () => {
  for (let number = 1; number <= 524; number++) {
    const name = errnoName(number);
    if (name !== undefined) assert.equal(errnoNumber(name), number);
  }
  assert.equal(formatErrno(129), 'EKEYREJECTED (Key was rejected by service)');
  assert.equal(formatErrno(524), 'ENOTSUPP (Operation is not supported (kernel-internal))');
  assert.equal(formatErrno(600), 'errno 600');
});

test('both architectures know every call, and others are refused', () => {
  assert.deepEqual(Object.keys(SYSCALL_NUMBERS.arm64).sort(), Object.keys(SYSCALL_NUMBERS['x86-64']).sort());
  assert.equal(hostArchitecture('x64'), 'x86-64');
  assert.throws(() => hostArchitecture('riscv64'), KhopError);
});

test('the native module beside the executable is taken before the one of node_modules', async () => {
  assert.equal(packagedModulePath('/usr/lib/khop/khop'), '/usr/lib/khop/koffi.node');
  const folder = mkdtempSync(join(tmpdir(), 'khop-packaged-'));
  try {
    const executable = join(folder, 'khop');
    copyFileSync(process.execPath, executable, constants.COPYFILE_FICLONE);
    const platform = `linux-${process.arch}`;
    const package_ = dirname(
      createRequire(import.meta.resolve('koffi')).resolve(`@koromix/koffi-${platform}`),
    );
    copyFileSync(join(package_, platform.replace('-', '_'), 'koffi.node'), join(folder, 'koffi.node'));
    const code = `const { trySyscall } = await import(${JSON.stringify(import.meta.resolve('../../src/machine/syscall.ts'))});
      trySyscall('lseek', { name: 'fd', value: -1 });
      console.log(process.report.getReport().sharedObjects.filter((path) => path.includes('koffi')).join());`;
    const result = await runProcess(executable, ['--input-type=module', '-e', code], { timeoutMs: 10_000 });
    assert.equal(result.stdout.trim(), join(folder, 'koffi.node'));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

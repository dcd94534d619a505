import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import type { NamedBytes } from '../../src/formats/named-bytes.ts';
import { endAsInterrupted, endAtOnce, holdSignals } from '../../src/machine/hold-signals.ts';
import { openKernelFile } from '../../src/machine/kernel-file.ts';
import { kexecFileLoad, kexecLoad, kexecUnload } from '../../src/machine/kexec.ts';
import { probeSyscalls } from '../../src/machine/kexec-gates.ts';
import { valueOf } from '../../src/machine/reading.ts';
import { runProcess } from '../../src/machine/run-process.ts';
import { SyscallError } from '../../src/machine/syscall.ts';

const named = (bytes: Uint8Array, path?: string): NamedBytes => ({ name: path ?? 'made up', path, bytes });

async function failure(work: () => Promise<void>): Promise<KhopError> {
  try {
    await work();
  } catch (error) {
    assert.ok(error instanceof KhopError, `expected a KhopError, got ${error}`);
    return error;
  }
  return assert.fail('it did not throw');
}

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'khop-kexec-'));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('the probe answers for both calls and loads nothing', async () => {
  const before = readIfThere('/sys/kernel/kexec_loaded');
  const { kexecLoad: load, kexecFileLoad: file } = probeSyscalls();
  for (const reading of [load, file]) {
    assert.notEqual(reading.state, 'absent');
    const answer = valueOf(reading);
    if (answer?.state === 'denied') assert.match(answer.errno, /^E[A-Z]+$/);
  }
  assert.equal(readIfThere('/sys/kernel/kexec_loaded'), before);
});

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Where the calls are missing, as here or in a sandbox, or are denied, a load must fail; elsewhere it is not tried. */
const probe = probeSyscalls();
const cannot = (call: keyof typeof probe): boolean => valueOf(probe[call])?.state !== 'available';

test('a refused kexec_load shows the call, the errno and the causes', {
  skip: !cannot('kexecLoad'),
}, async () => {
  const error = await failure(() =>
    kexecLoad({
      entry: 0x1000000n,
      segments: [{ address: 0x1000000n, memorySize: 4096, bytes: Buffer.from('stub') }],
      flags: 1,
      optionalFlags: 0x10,
    }),
  );
  assert.ok(error instanceof SyscallError);
  assert.match(
    error.message,
    /^kexec_load\(entry=0x1000000, nr_segments=1, segments=<32 bytes>, flags=KEXEC_ON_CRASH\|KEXEC_DEBUG\|KEXEC_ARCH_\w+\) = -1 E\w+ \(.*\)\n/,
  );
  assert.match(error.message, /because /);
  assert.match(error.hint, /\.$/);
});

test('a refused kexec_file_load names the files', { skip: !cannot('kexecFileLoad') }, async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 'vmlinuz');
    writeFileSync(path, 'not a kernel');
    const error = await failure(() =>
      kexecFileLoad({
        image: named(Buffer.from('not a kernel'), path),
        initrd: named(Buffer.from('not an initrd')),
        commandLine: 'root=/dev/vda1 quiet',
        flags: 0,
        optionalFlags: 0,
      }),
    );
    assert.match(
      error.message,
      /^kexec_file_load\(kernel_fd=\d+<.*vmlinuz>, initrd_fd=\d+<made up>, cmdline_len=21, /,
    );
    assert.match(error.message, /cmdline="root=\/dev\/vda1 quiet", flags=0\) = -1 E/);
  });
});

test('a load without an initrd says so', { skip: !cannot('kexecFileLoad') }, async () => {
  const image = named(Buffer.from('x'));
  const error = await failure(() =>
    kexecFileLoad({ image, initrd: undefined, commandLine: '', flags: 2, optionalFlags: 0 }),
  );
  assert.match(error.message, /initrd_fd=-1, .*flags=KEXEC_FILE_ON_CRASH\|KEXEC_FILE_NO_INITRAMFS\)/);
});

test('unloading falls back to kexec_load where there is no kexec_file_load', {
  skip: valueOf(probe.kexecFileLoad)?.state !== 'missing' || valueOf(probe.kexecLoad)?.state !== 'missing',
}, async () => {
  assert.match(
    (await failure(async () => kexecUnload('crash'))).message,
    /^kexec_load\(entry=0x0, nr_segments=0, .*KEXEC_ON_CRASH/,
  );
});

test('bytes without a path are handed over through a memfd that nothing can change', async () => {
  const bytes = Buffer.alloc((3 << 20) + 7, 'kernel');
  using file = openKernelFile(named(bytes));
  assert.ok(readFileSync(`/proc/self/fd/${file.descriptor}`).equals(bytes));
  assert.throws(() => writeSync(file.descriptor, 'x', 0), { code: 'EPERM' });
});

test('a file is handed over as it is, and only while it holds the bytes that were planned with', async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 'vmlinuz');
    writeFileSync(path, 'kernel');
    {
      using file = openKernelFile(named(Buffer.from('kernel'), path));
      assert.ok(file.descriptor > 2);
    }
    for (const changed of ['Kernel', 'kernel2', 'kerne', '']) {
      writeFileSync(path, changed);
      const error = await failure(async () => void openKernelFile(named(Buffer.from('kernel'), path)));
      assert.equal(error.code, 'E_REFUSED', changed);
      assert.match(error.message, /has changed/);
    }
    rmSync(path);
    const error = await failure(async () => void openKernelFile(named(Buffer.from('kernel'), path)));
    assert.equal(error.code, 'E_NOT_FOUND');
  });
});

test('an empty file is handed over too', async () => {
  using file = openKernelFile(named(new Uint8Array(0)));
  assert.equal(readFileSync(file.descriptor).length, 0);
});

test('a signal during a hold is delivered after it, not lost and not at once', async () => {
  const seen: string[] = [];
  const listener = (): void => void seen.push('SIGHUP');
  process.on('SIGHUP', listener);
  try {
    {
      using _held = holdSignals();
      process.kill(process.pid, 'SIGHUP');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
      assert.deepEqual(seen, []);
    }
    const deadline = performance.now() + 2000;
    while (seen.length === 0 && performance.now() < deadline)
      await new Promise((next) => setTimeout(next, 5));
    assert.deepEqual(seen, ['SIGHUP']);
  } finally {
    process.off('SIGHUP', listener);
  }
});

test('a signal during a hold ends a process that has no listener of its own, but only after the hold', async () => {
  const code = `const { holdSignals } = await import(${JSON.stringify(import.meta.resolve('../../src/machine/hold-signals.ts'))});
    { using _held = holdSignals(); process.kill(process.pid, 'SIGTERM'); console.error('still here'); }
    setTimeout(() => console.error('too late'), 3000);`;
  const run = runProcess(process.execPath, ['--input-type=module', '-e', code], { timeoutMs: 30_000 });
  await assert.rejects(run, (error: KhopError) => {
    assert.match(error.message, /killed by SIGTERM\n {2}still here$/);
    return true;
  });
});

test('a signal during a hold does not end a process whose listener for one time was told', async () => {
  const code = `const { holdSignals } = await import(${JSON.stringify(import.meta.resolve('../../src/machine/hold-signals.ts'))});
    process.once('SIGINT', () => console.log('told'));
    { using _held = holdSignals(); process.kill(process.pid, 'SIGINT'); }
    setTimeout(() => console.log('undone'), 200);`;
  const { stdout } = await runProcess(process.execPath, ['--input-type=module', '-e', code], {
    timeoutMs: 10_000,
  });
  assert.equal(stdout, 'told\nundone\n');
});

test('holds that overlap deliver a signal once: to who listens since, or to the process when nobody does', async () => {
  const module = JSON.stringify(import.meta.resolve('../../src/machine/hold-signals.ts'));
  const overlapping = (between: string): string => `const { holdSignals } = await import(${module});
    { using _first = holdSignals(); }
    ${between}
    { using _second = holdSignals(); process.kill(process.pid, 'SIGTERM'); }
    setTimeout(() => console.log('end'), 500);`;
  const run = (code: string) =>
    runProcess(process.execPath, ['--input-type=module', '-e', code], { timeoutMs: 10_000 });
  await assert.rejects(run(overlapping('')), /killed by SIGTERM/);
  const { stdout } = await run(overlapping(`process.on('SIGTERM', () => console.log('told'));`));
  assert.equal(stdout, 'told\nend\n');
});

test('SIGTERM and SIGHUP tell who listens for Ctrl-C, once', async () => {
  const seen: string[] = [];
  const listener = (signal: string): void => void seen.push(signal);
  process.on('SIGINT', listener);
  try {
    using _ends = endAsInterrupted();
    process.kill(process.pid, 'SIGHUP');
    const deadline = performance.now() + 2000;
    while (seen.length === 0 && performance.now() < deadline)
      await new Promise((next) => setTimeout(next, 5));
    assert.deepEqual(seen, ['SIGINT']);
    assert.equal(process.listenerCount('SIGHUP'), 0);
    assert.equal(process.listenerCount('SIGTERM'), 1);
    // The service manager that was told to go down may send it: nothing is to be undone then.
    endAtOnce();
    assert.equal(process.listenerCount('SIGTERM'), 0);
  } finally {
    process.off('SIGINT', listener);
  }
});

test('a signal that came in a hold is delivered although another hold began before it was told', async () => {
  const module = JSON.stringify(import.meta.resolve('../../src/machine/hold-signals.ts'));
  const code = `const { holdSignals } = await import(${module});
    const { setTimeout: sleep } = await import('node:timers/promises');
    { using _first = holdSignals(); process.kill(process.pid, 'SIGTERM'); await sleep(20); }
    { using _second = holdSignals(); await sleep(20); console.error('still here'); }
    setTimeout(() => console.error('too late'), 3000);`;
  const run = runProcess(process.execPath, ['--input-type=module', '-e', code], { timeoutMs: 30_000 });
  await assert.rejects(run, /killed by SIGTERM\n {2}still here$/);
});

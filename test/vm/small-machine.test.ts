import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { KhopError } from '../../src/error.ts';
import { startSmallMachine } from '../../src/lab/small-machine.ts';

const LIMIT = { timeout: 300_000 };
const SHORT = { timeoutMs: 30_000 };

test('a cold small machine boots each kernel line and says which one it is', LIMIT, async () => {
  for (const [kernel, pattern] of [
    ['6.1', /^6\.1\./],
    ['6.12', /^6\.12\./],
    ['7.2', /^7\.2\./],
  ] as const) {
    await using machine = await startSmallMachine({ kernel, isCold: true, withoutKhop: true });
    const hello = await machine.waitForHello(1000);
    assert.match(hello.release, pattern);
    const { stdout } = await machine.run(['uname', '-r'], SHORT);
    assert.equal(stdout.trim(), hello.release);
  }
});

test('a command returns its exit status, stdout and stderr apart and unchanged', LIMIT, async () => {
  await using machine = await startSmallMachine({ withoutKhop: true });
  const result = await machine.exec('printf "a\\n\\0b"; printf "e\\n" >&2; exit 7', SHORT);
  assert.deepEqual(
    { status: result.status, stdout: result.stdout, stderr: result.stderr },
    { status: 7, stdout: 'a\n\0b', stderr: 'e\n' },
  );
  const words = ["it's", 'a b', '$HOME', '@khop EXIT 1 0', ''];
  const echoed = await machine.run(['printf', '%s|', ...words], SHORT);
  assert.equal(echoed.stdout, `${words.join('|')}|`);
  assert.equal((await machine.exec('kill -TERM $$', SHORT)).status, 143);
});

test('a command can be started while another one that was started still runs', LIMIT, async () => {
  await using machine = await startSmallMachine({ withoutKhop: true });
  await machine.start('echo first; until [ -e /tmp/go ]; do sleep 0.1; done; echo third');
  await machine.start('echo second; : >/tmp/go');
  const deadline = performance.now() + SHORT.timeoutMs;
  while ((await machine.readOutput()).trim().split('\n').length < 3 && performance.now() < deadline)
    await sleep(100);
  assert.equal(await machine.readOutput(), 'first\nsecond\nthird\n');
});

test('files go both ways byte by byte, and /proc files can be read', LIMIT, async () => {
  await using machine = await startSmallMachine({ withoutKhop: true });
  for (const size of [0, 1, 65_535, 65_536, 3_000_001]) {
    const bytes = Buffer.alloc(size, 'khop \n\0\xff', 'latin1');
    await machine.copyIn(bytes, '/tmp/new folder/file', 0o640);
    const back = await machine.copyOut('/tmp/new folder/file');
    assert.equal(back.mode, 0o640);
    assert.ok(bytes.equals(back.bytes), `${size} bytes came back different`);
  }
  assert.match(Buffer.from((await machine.copyOut('/proc/version')).bytes).toString(), /^Linux version 6\.1/);
  await assert.rejects(machine.copyOut('/no/such/file'), /No such file/);
});

test('a machine starts from its checkpoint within three seconds', LIMIT, async () => {
  const boot = async (): Promise<string> => {
    await using machine = await startSmallMachine({ withoutKhop: true });
    return (await machine.waitForHello(1000)).bootId;
  };
  const first = await boot();
  const start = performance.now();
  assert.equal(await boot(), first, 'the checkpoint holds one boot');
  assert.ok(performance.now() - start < 3000);
});

test('what a machine does to itself does not reach the next one', LIMIT, async () => {
  {
    await using machine = await startSmallMachine({ withoutKhop: true });
    await machine.run('echo changed >/tmp/mark', SHORT);
  }
  await using machine = await startSmallMachine({ withoutKhop: true });
  assert.equal((await machine.exec('cat /tmp/mark', SHORT)).status, 1);
});

test('UEFI firmware gives the guest its variables', LIMIT, async () => {
  await using machine = await startSmallMachine({ firmware: 'ovmf', withoutKhop: true });
  const { stdout } = await machine.run('ls /sys/firmware/efi/efivars | wc -l', SHORT);
  assert.ok(Number(stdout) > 5);
});

test('kernel arguments, CPUs and memory are as asked for', LIMIT, async () => {
  await using machine = await startSmallMachine({
    cpus: 2,
    memoryMib: 512,
    kernelArguments: 'lockdown=integrity',
    withoutKhop: true,
  });
  const { stdout } = await machine.run(
    'cat /sys/kernel/security/lockdown; nproc; awk "/MemTotal/ {print \\$2}" /proc/meminfo',
    SHORT,
  );
  const [lockdown = '', cpus, memoryKib] = stdout.trim().split('\n');
  assert.match(lockdown, /\[integrity\]/);
  assert.equal(cpus, '2');
  assert.ok(Number(memoryKib) > 400_000 && Number(memoryKib) < 512 * 1024);
});

test(
  'kexec-tools jumps to another kernel, whose agent says hello with a boot_id of its own',
  LIMIT,
  async () => {
    await using machine = await startSmallMachine({ withoutKhop: true });
    const before = await machine.waitForHello(1000);
    await machine.run(
      'kexec-tools -l /boot/vmlinuz-6.12* --initrd=$(ls /boot/initrd.img-6.12*) --reuse-cmdline',
      { timeoutMs: 60_000 },
    );
    await machine.start('echo jumping; kexec-tools -e');
    const after = await machine.waitForNewKernel(before.bootId, 90_000);
    assert.match(after.release, /^6\.12\./);
    assert.notEqual(after.bootId, before.bootId);
    assert.equal(await machine.readOutput(), 'jumping\n');
    const { stdout } = await machine.run('cat /proc/sys/kernel/random/boot_id', SHORT);
    assert.equal(stdout.trim(), after.bootId);
  },
);

test('a command that does not end is killed at its deadline, with all it started', LIMIT, async () => {
  await using machine = await startSmallMachine({ withoutKhop: true });
  await assert.rejects(machine.exec('echo begun; sleep 1000 & sleep 1000', { timeoutMs: 1000 }), {
    code: 'E_TIMEOUT',
    hint: /begun/,
  });
  assert.equal((await machine.exec('pgrep sleep', SHORT)).stdout.trim(), '');
});

test('a guest that hangs ends at its deadline and leaves its console as evidence', LIMIT, async () => {
  await using machine = await startSmallMachine({ withoutKhop: true });
  const { bootId } = await machine.waitForHello(1000);
  await machine.start('sleep 0.2; echo c >/proc/sysrq-trigger');
  const error: unknown = await machine.waitForNewKernel(bootId, 4000).catch((cause: unknown) => cause);
  assert.ok(error instanceof KhopError);
  assert.equal(error.code, 'E_TIMEOUT');
  assert.match(error.message, /sysrq triggered crash/);
  await assert.rejects(machine.agent.hello(1000), { code: 'E_TIMEOUT' });
});

test('a guest that switches itself off ends its machine', LIMIT, async () => {
  await using machine = await startSmallMachine({ withoutKhop: true });
  await machine.start('sleep 0.2; poweroff -f');
  await machine.waitForEnd(20_000);
  await assert.rejects(machine.exec('true', SHORT), { code: 'E_LAB' });
});

test('no machine outlives the process that started it, even when that is killed', LIMIT, async () => {
  const lab = join(import.meta.dirname, '..', '..', 'src', 'lab', 'small-machine.ts');
  const script = `
    const { startSmallMachine } = await import(${JSON.stringify(lab)});
    const machine = await startSmallMachine({ withoutKhop: true });
    console.log(machine.pid);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
  const pid = Number(chunk.toString());
  assert.match(await readFile(`/proc/${pid}/cmdline`, 'utf8'), /qemu-system/);
  child.kill('SIGKILL');
  await once(child, 'exit');
  await assertGone(pid, 5000);
});

async function assertGone(pid: number, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (performance.now() < deadline) {
    const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
    if (state === undefined || /\) Z /.test(state)) return;
    await sleep(20);
  }
  assert.fail(`process ${pid} is still there`);
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { encodeHistoryEntry } from '../../src/switch/history.ts';
import { COMMAND, hop } from './switching.ts';

const LIMIT = { timeout: 600_000 };
const MACHINE = {
  kernel: '6.12',
  memoryMib: 1024,
  kernelArguments: 'crashkernel=256M',
  isCold: true,
} as const;
const HISTORY = '/var/lib/khop/history.jsonl';
/** As after every start of a kernel: the initramfs is new. */
const PREPARE = 'touch /lib/modules/$(uname -r)/modules.builtin; mkdir -p /var/lib/khop';

async function say(machine: VirtualMachine, script: string): Promise<string> {
  return (await machine.run(script, COMMAND)).stdout;
}

/** That 6.1 was left in order for 6.12. */
function switchedFrom(from: string, to: string): string {
  return encodeHistoryEntry({
    ...{ version: 1, kind: 'switch', id: 'x', atMs: 0, method: 'file', optimisations: [], shutdown: 'own' },
    ...{ fromRelease: from, toRelease: to, image: '/i', outcome: 'arrived', trial: null, arrivedRelease: to },
    ...{ arrivedBootId: null, loadMs: 1, downMs: null, upMs: null },
  });
}

/** Crashes, and gives back what `khop arrive` says in the kernel that came home. History is carried over by hand. */
async function crash(machine: VirtualMachine, release: RegExp): Promise<string> {
  const history = await say(machine, `cat ${HISTORY}`);
  const hello = await hop(machine, 'echo c >/proc/sysrq-trigger');
  assert.match(hello.release, release);
  await machine.run(PREPARE, COMMAND);
  await machine.copyIn(history, HISTORY);
  return await say(machine, 'cat /proc/cmdline; khop arrive');
}

test('a report needs no disk, and the same crash twice ends with the kernel before', LIMIT, async () => {
  // Nothing is mounted that a panic kernel could reach, in none of the kernels.
  await using machine = await startSmallMachine(MACHINE);
  const [older = '', release = ''] = (
    await say(machine, `${PREPARE}\ncd /boot; ls vmlinuz-6.1.* vmlinuz-6.12.*`)
  )
    .split('\n')
    .map((name) => name.replace('vmlinuz-', ''));
  await machine.copyIn(switchedFrom(older, release), HISTORY);
  const memory = 'sed -n "s/^MemTotal: *//p" /proc/meminfo';
  const before = Number.parseInt(await say(machine, memory), 10);

  for (const returns of [1, 2]) {
    const armed = await say(machine, 'khop guard on');
    assert.match(armed, /report +on no disk: .*; in memory, with the kernel/);
    assert.match(armed, /home +.*6\.12.*, without the firmware\n/);
    const arrived = await crash(machine, /^6\.12\./);
    assert.match(arrived, new RegExp(` khop\\.guard=[0-9a-f]{16},${returns},\\d+`));
    assert.match(arrived, /crashed: crash asked for through sysrq.*khop crashes show/);
  }
  assert.ok(Math.abs(before - Number.parseInt(await say(machine, memory), 10)) < 2048, 'all memory is back');
  assert.match(await say(machine, 'cat /var/lib/khop/crashes/*/dmesg.txt'), /sysrq: Trigger a crash/);
  assert.match(await say(machine, 'cat /run/motd.d/khop'), /came home from a crash of 6\.12/);

  assert.match(
    await say(machine, 'khop guard on'),
    /loop +6\.12\.\S+ died 2 times within 60 min[^]*home +.*6\.1\..*because of the loop/,
  );
  assert.match(await crash(machine, /^6\.1\./), /crashed: crash asked for through sysrq/);
  assert.match(await say(machine, 'khop crashes show last'), /kernel +6\.12[^]*report goes home in memory/);
  assert.match(await say(machine, 'khop history'), /(crash +6\.12\.\S+ -> .*came home by kexec[^]*){3}/);
});

/** Resolves with the first line of the console that matches. */
async function consoleLine(machine: VirtualMachine, pattern: RegExp, timeoutMs: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const tooLate = () => reject(new Error(`no ${pattern} in:\n${machine.console.tail.join('\n')}`));
  const timer = setTimeout(tooLate, timeoutMs);
  machine.console.onLine((line) => {
    if (pattern.test(line)) resolve(line);
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

/** That a kernel died twice just now. */
function diedTwice(release: string, atMs: number): string {
  const entry = encodeHistoryEntry({
    ...{ version: 1, kind: 'crash', id: 'x', atMs, release, summary: 'it died', fingerprint: 'f00' },
    ...{
      outcome: 'home-by-kexec',
      trial: null,
      arrivedRelease: null,
      arrivedBootId: null,
      captureMs: 1,
      upMs: 1,
    },
  });
  return entry.repeat(2);
}

test(
  'a machine without another kernel stays in a shell, and leaves it when a person does',
  LIMIT,
  async () => {
    await using machine = await startSmallMachine(MACHINE);
    const [release = '', seconds = ''] = (await say(machine, `${PREPARE}\nuname -r; date +%s`)).split('\n');
    await machine.copyIn(diedTwice(release, Number(seconds) * 1000), HISTORY);
    assert.match(
      await say(machine, 'khop guard on --deadline 30'),
      /loop +6\.12\.\S+ died 2 times[^]*home +a shell on the console, whose exit starts .*6\.12/,
    );
    const before = await machine.waitForHello(1000);
    const noted = consoleLine(
      machine,
      /\*\*\* .*died 2 times within 60 min in the same way: it died/,
      120_000,
    );
    await machine.start('echo c >/proc/sysrq-trigger');
    await noted;
    const answered = consoleLine(machine, /^shell of 42 with 1 processor/, 180_000);
    // Longer than the deadline, which is no longer one.
    machine.console.write('sleep 32; echo "shell of $((6 * 7)) with $(nproc) processor"\n');
    await answered;
    machine.console.write('exit\n');
    const home = await machine.waitForNewKernel(before.bootId, 180_000);
    assert.match(home.release, /^6\.12\./);
    await machine.run(PREPARE, COMMAND);
    assert.match(await say(machine, 'khop arrive'), /crashed: crash asked for through sysrq/);
    assert.match(await say(machine, 'khop crashes show last'), /stays for a person/);
  },
);

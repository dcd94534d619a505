import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KernelLine } from '../../src/lab/kernel-store.ts';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { COMMAND, type Hardware, hop, kernelWords, readHardware } from './switching.ts';

const LIMIT = { timeout: 600_000 };

async function switchTo(machine: VirtualMachine, line: KernelLine, method: 'file' | 'segments') {
  const hello = await hop(
    machine,
    `khop switch ${kernelWords(line)} --method ${method} --now --no-trial --yes`,
  );
  assert.ok(hello.release.startsWith(`${line}.`), `${hello.release} is not ${line}`);
  const commandLine = (await machine.run('cat /proc/cmdline', COMMAND)).stdout;
  assert.match(
    commandLine,
    /^console=ttyS0 khop\.switch=[0-9a-f]{16}$/m,
    'tokens of earlier switches pile up',
  );
}

/** Kernels differ in what memory they keep for themselves. */
function assertSameHardware(after: Hardware, before: Hardware): void {
  const { memoryKib, ...rest } = after;
  const { memoryKib: memoryBefore, ...restBefore } = before;
  assert.deepEqual(rest, restBefore);
  assert.ok(Math.abs(memoryKib - memoryBefore) < 64 * 1024, `${memoryBefore} -> ${memoryKib} KiB`);
}

for (const method of ['file', 'segments'] as const)
  for (const line of ['6.1', '6.12', '7.2'] as const)
    test(
      `khop switches from 6.1 to ${line} by ${method} under seabios, and nothing of the machine is lost`,
      LIMIT,
      async () => {
        await using machine = await startSmallMachine({ kernel: '6.1', cpus: 2 });
        const before = await readHardware(machine);
        await switchTo(machine, line, method);
        assertSameHardware(await readHardware(machine), before);
      },
    );

/** To each kernel, by each method, under OVMF, and from each kernel. */
const CHAIN = [
  ['6.12', 'segments'],
  ['6.1', 'file'],
  ['7.2', 'segments'],
  ['6.12', 'file'],
  ['7.2', 'file'],
  ['7.2', 'segments'],
  ['6.1', 'segments'],
  ['6.12', 'file'],
  ['6.12', 'segments'],
  ['6.1', 'file'],
] as const;

test(
  'a chain of ten switches under ovmf loses nothing on its way, and ends with the machine it began with',
  LIMIT,
  async () => {
    await using machine = await startSmallMachine({
      ...{ kernel: '6.1', firmware: 'ovmf', cpus: 2, memoryMib: 1536 },
    });
    const before = await readHardware(machine);
    for (const [line, method] of CHAIN) {
      await switchTo(machine, line, method);
      assertSameHardware(await readHardware(machine), before);
    }
    assert.deepEqual(await readHardware(machine), before);
  },
);

test('loading stops nothing, shows in status, and unload empties the slot again', LIMIT, async () => {
  await using machine = await startSmallMachine({ kernel: '6.1' });
  const loaded = async () => (await machine.run('cat /sys/kernel/kexec_loaded', COMMAND)).stdout.trim();
  for (const method of ['file', 'segments']) {
    await machine.run(`khop load ${kernelWords('6.12')} --method ${method}`, COMMAND);
    assert.equal(await loaded(), '1');
    const status = JSON.parse((await machine.run('khop status --json', COMMAND)).stdout);
    assert.equal(status.slots[0].loaded, 'yes');
    assert.equal(status.slots[0].record.method, method);
    assert.match(status.slots[0].record.release, /^6\.12\./);
    await machine.run('khop unload', COMMAND);
    assert.equal(await loaded(), '0');
  }
  const history = JSON.parse((await machine.run('khop history --json', COMMAND)).stdout);
  assert.deepEqual(
    history.entries.map((entry: { kind: string; method: string }) => [entry.kind, entry.method]),
    [
      ['load', 'file'],
      ['load', 'segments'],
    ],
  );
});

test(
  'under lockdown khop says so: kexec_load is refused before the call, and unload still works',
  LIMIT,
  async () => {
    await using machine = await startSmallMachine({ kernel: '6.1', kernelArguments: 'lockdown=integrity' });
    const segments = await machine.exec(`khop load ${kernelWords('6.1')} --method segments`, COMMAND);
    assert.equal(segments.status, 3);
    assert.match(segments.stderr, /lockdown=integrity forbids kexec_load/);
    const unload = await machine.exec('khop unload', COMMAND);
    assert.equal(unload.status, 0, unload.stderr);
  },
);

test('a file that is no kernel is refused with what it is, and nothing is loaded', LIMIT, async () => {
  await using machine = await startSmallMachine({ kernel: '6.1' });
  await machine.run(
    'echo "<!DOCTYPE html>" >/tmp/vmlinuz; : >/tmp/empty; head -c 2000000 $(ls /boot/vmlinuz-6.1.*) >/tmp/cut',
    COMMAND,
  );
  for (const [file, pattern] of [
    ['/tmp/vmlinuz', /HTML page/],
    ['/tmp/empty', /is empty/],
    ['/tmp/cut', /protected-mode kernel/],
  ] as const) {
    const result = await machine.exec(`khop load ${file} --method segments`, COMMAND);
    assert.ok(result.status === 1 || result.status === 3, `exit status ${result.status}`);
    assert.match(result.stderr, pattern);
  }
  assert.equal((await machine.run('cat /sys/kernel/kexec_loaded', COMMAND)).stdout.trim(), '0');
});

test('a script for kexec-tools runs unchanged under the compatibility name', LIMIT, async () => {
  await using machine = await startSmallMachine({ kernel: '6.1' });
  const script = [
    'set -e',
    'mkdir -p /tmp/sbin; ln -sf $(command -v khop-kexec) /tmp/sbin/kexec; PATH=/tmp/sbin:$PATH',
    'kexec --version',
    'kexec -S -l && echo not loaded',
    'kexec -l $(ls /boot/vmlinuz-6.12.*) --initrd=$(ls /boot/initrd.img-6.12.*) --append="$(cat /proc/cmdline) compat=yes"',
    'kexec -l -S || echo loaded',
    'kexec --mem-min=0x1000 -l x || echo refused',
  ].join('\n');
  const result = await machine.exec(script, COMMAND);
  assert.equal(result.status, 0, result.stderr);
  assert.match(result.stdout, /not loaded\nloaded\nrefused/);
  assert.match(result.stderr, /--mem-min is not supported/);
  const hello = await hop(machine, 'khop-kexec -e');
  assert.match(hello.release, /^6\.12\./);
  assert.match((await machine.run('cat /proc/cmdline', COMMAND)).stdout, /compat=yes/);
});

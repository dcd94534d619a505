import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import { assertSameHardware, switchTo, testChain } from '../support/switch-chain.ts';
import { COMMAND, hop, kernelWords, readHardware } from './switching.ts';

const LIMIT = { timeout: 600_000 };

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

// Ten: test/chaos/ovmf-switches.test.ts.
testChain(
  'a chain of four switches under ovmf loses nothing on its way, and ends with the machine it began with',
  [
    ['6.12', 'segments'],
    ['7.2', 'file'],
    ['7.2', 'segments'],
    ['6.1', 'file'],
  ],
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

/**
 * The guard's mode `continue` on a full Debian with systemd, GRUB and ext4, from the installed package.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startFullMachine, waitForSystem } from '../../src/lab/full-machine.ts';
import { INSTALLED, installPackage } from '../vm/built-package.ts';
import { COMMAND, hop, readHardware } from '../vm/switching.ts';

const LIMIT = { timeout: 1_500_000 };

test(
  'after a crash the same services answer from the panic kernel, the report is there, and leave brings all memory back',
  LIMIT,
  async () => {
    await using machine = await startFullMachine({ memoryMib: 2048, withoutKhop: true });
    await installPackage(machine);
    const run = async (command: string): Promise<string> =>
      (await machine.run(`${INSTALLED} ${command}`, { timeoutMs: 300_000 })).stdout;

    const dry = JSON.parse(await run('khop guard on --mode continue --dry-run --json'));
    await hop(machine, `${INSTALLED} khop guard on --mode continue --yes`);
    await waitForSystem(machine);
    const status = JSON.parse(await run('khop guard status --json'));
    assert.deepEqual(status.problems, []);
    assert.equal(status.state, 'armed');
    assert.equal(status.record.mode, 'continue');
    assert.equal(status.record.homeObstacle, null);
    const before = await readHardware(machine);

    await hop(machine, `${INSTALLED} taskset -c 0 khop guard test --yes`);
    await waitForSystem(machine);
    assert.match((await machine.run('cat /proc/cmdline', COMMAND)).stdout, /khop\.continue=[0-9a-f]{16}/);
    assert.equal((await run('systemctl is-active ssh.service')).trim(), 'active');
    const small = await readHardware(machine);
    assert.equal(small.cpus, 1);
    assert.ok(small.memoryKib < Number(dry.mib) * 1024, `${small.memoryKib} KiB of ${dry.mib} MiB reserved`);
    const there = JSON.parse(await run('khop guard status --json || test $? = 3'));
    assert.equal(there.state, 'continuing');
    assert.equal(there.continuing.homeObstacle, null);
    const continued = JSON.parse(await run('khop crashes show last --json'));
    assert.equal(continued.id, there.continuing.crash);
    assert.equal(continued.outcome, 'continued');
    assert.match(continued.panicLine, /sysrq triggered crash/);
    assert.deepEqual(continued.gaps, []);
    assert.match(
      await run('journalctl -u khop-arrive.service'),
      /goes on in the memory of a panic kernel: \d+ MiB, on 1 CPU/,
    );

    await hop(machine, `${INSTALLED} khop guard leave --yes`);
    await waitForSystem(machine);
    assert.match((await machine.run('cat /proc/cmdline', COMMAND)).stdout, /khop\.guard=/);
    assert.deepEqual(await readHardware(machine), before);
    assert.equal(JSON.parse(await run('khop crashes show last --json')).outcome, 'home-by-kexec');
    assert.equal(JSON.parse(await run('khop guard status --json')).state, 'armed');
  },
);

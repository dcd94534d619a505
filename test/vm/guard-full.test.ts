/**
 * The guard on a full Debian with systemd, GRUB and ext4, from the installed package.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startFullMachine, waitForSystem } from '../../src/lab/full-machine.ts';
import { INSTALLED, installPackage } from './built-package.ts';
import { COMMAND, hop, readHardware } from './switching.ts';

const LIMIT = { timeout: 1_500_000 };
/** A kernel is prepared and the boot loader's menu made before the first jump; after a crash there are two starts. */
const PREPARED_HOP_MS = 420_000;

test(
  'guard on reserves memory by a switch and at every start; after a crash the machine is home with its report',
  LIMIT,
  async () => {
    await using machine = await startFullMachine();
    await installPackage(machine);
    const run = async (command: string): Promise<string> =>
      (await machine.run(`${INSTALLED} ${command}`, { timeoutMs: 300_000 })).stdout;

    const dry = await run('khop guard on --dry-run 2>&1');
    assert.match(dry, /crashkernel=\d+M/);
    assert.match(dry, /update-grub|grub-mkconfig/);
    await hop(machine, `${INSTALLED} khop guard on --yes`, PREPARED_HOP_MS);
    await waitForSystem(machine);
    for (const file of ['/proc/cmdline', '/boot/grub/grub.cfg']) {
      const { stdout } = await machine.run(`cat ${file}`, COMMAND);
      assert.match(stdout, /crashkernel=\d+M/, file);
      assert.match(stdout, / panic=10\b/, file);
    }
    await run('systemctl is-active khop-guard.service || systemctl start khop-guard.service');
    const status = JSON.parse(await run('khop guard status --json'));
    assert.deepEqual(status.problems, []);
    assert.equal(status.state, 'armed');
    assert.equal(status.record.homeObstacle, null);
    assert.equal(status.record.reportObstacle, null);
    const before = await readHardware(machine);

    const home = await hop(machine, `${INSTALLED} taskset -c 0 khop guard test --yes`, PREPARED_HOP_MS);
    await waitForSystem(machine);
    assert.match((await machine.run('cat /proc/cmdline', COMMAND)).stdout, /khop\.guard=/);
    const { memoryKib, ...others } = await readHardware(machine);
    const { memoryKib: memoryBefore, ...othersBefore } = before;
    assert.deepEqual(others, othersBefore, `${home.release} has other hardware`);
    // The report that came home in memory keeps its 256 KiB until the next start.
    assert.ok(Math.abs(memoryBefore - memoryKib) <= 512, `${memoryKib} KiB, and ${memoryBefore} before`);
    const { reports } = JSON.parse(await run('khop crashes list --json'));
    assert.equal(reports.length, 1);
    const report = JSON.parse(await run('khop crashes show last --json'));
    assert.equal(report.outcome, 'home-by-kexec');
    assert.match(report.panicLine, /sysrq triggered crash/);
    const { state, lastTest } = JSON.parse(await run('khop guard status --json'));
    const { id, outcome, awayMs, captureMs, upMs } = lastTest.entry;
    assert.deepEqual([state, id, outcome], ['armed', report.id, 'home-by-kexec']);
    assert.ok(awayMs >= captureMs + upMs - 2000, JSON.stringify(lastTest));
    const journal = await run('journalctl -b -o cat -u khop-arrive.service');
    assert.match(
      journal,
      /^khop guard test: the machine came home by kexec, about \d+ s after the crash\.$/m,
    );
    assert.match(journal, /^ +[\d.]+ m?s +\+[\d.]+ m?s +report safe on disk$/m);
    assert.match(
      await run('cat /run/motd.d/khop'),
      /came home from khop guard test, .* by kexec, \d+ s after/,
    );

    await run('khop guard off');
    assert.doesNotMatch(
      (await machine.run('cat /boot/grub/grub.cfg', COMMAND)).stdout,
      /crashkernel=| panic=/,
    );
  },
);

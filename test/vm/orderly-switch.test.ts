import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startFullMachine, waitForSystem } from '../../src/lab/full-machine.ts';
import { COMMAND, hop } from './switching.ts';

const LIMIT = { timeout: 900_000 };

test(
  'under systemd khop stops services in order, leaves file systems clean, arrives and records it',
  LIMIT,
  async () => {
    await using machine = await startFullMachine({ firmware: 'ovmf' });
    const unit = [
      '[Service]',
      'Type=oneshot',
      'RemainAfterExit=yes',
      'ExecStart=/bin/true',
      'ExecStop=/bin/sh -c "sleep 1; echo stopped >/var/lib/orderly"',
      '[Install]',
      'WantedBy=multi-user.target',
    ].join('\n');
    await machine.copyIn(unit, '/etc/systemd/system/orderly.service');
    await machine.run('systemctl daemon-reload && systemctl enable --now orderly.service', COMMAND);
    const list = JSON.parse((await machine.run('khop list --json', COMMAND)).stdout);
    const target = list.kernels.find((kernel: { release: string }) => kernel.release.startsWith('6.12.'));
    assert.equal(target.origin.kind, 'grub');
    assert.ok(
      list.kernels.some(
        (kernel: { isDefault: boolean; isRunning: boolean }) => kernel.isDefault && kernel.isRunning,
      ),
    );
    const hello = await hop(machine, `khop switch ${target.id} --no-trial --yes`);
    assert.equal(hello.release, target.release);
    await waitForSystem(machine);
    assert.equal((await machine.run('cat /var/lib/orderly', COMMAND)).stdout, 'stopped\n');
    const recovery = await machine.run('dmesg | grep -c "EXT4-fs.*recovery" || true', COMMAND);
    assert.equal(recovery.stdout.trim(), '0', 'the file system was not left clean');
    await machine.run('mount-khop 2>/dev/null || mountpoint -q /tool/khop', COMMAND);
    await machine.run('khop arrive', COMMAND);
    const history = JSON.parse((await machine.run('khop history --json', COMMAND)).stdout);
    const last = history.entries.at(-1);
    assert.equal(last.kind, 'switch');
    assert.equal(last.outcome, 'arrived');
    assert.equal(last.arrivedRelease, target.release);
    assert.equal(last.shutdown, 'systemd');
    assert.match((await machine.run('khop status', COMMAND)).stdout, /loaded +nothing/);
  },
);

/** systemd-fsckd ends by itself when it was idle for 30 s, whatever khop does. */
const RUNNING = 'systemctl list-units --state=running --no-legend | grep -v systemd-fsckd | sort';

test('a load that fails stops no service', LIMIT, async () => {
  await using machine = await startFullMachine();
  const before = (await machine.run(RUNNING, COMMAND)).stdout;
  assert.match(before, /ssh\.service/);
  await machine.run('head -c 3000000 $(ls /boot/vmlinuz-6.12*) >/tmp/vmlinuz-cut', COMMAND);
  const result = await machine.exec('khop switch /tmp/vmlinuz-cut --reuse-cmdline --no-trial --yes', COMMAND);
  assert.notEqual(result.status, 0);
  const after = (await machine.run(RUNNING, COMMAND)).stdout;
  assert.equal(after, before);
  assert.equal((await machine.exec('test -e /var/lib/khop/trial.json', COMMAND)).status, 1);
});

/**
 * The units that arm the guard again, started by nobody: a Debian whose cable is plugged in after its boot, and then one
 * whose kernel has died twice.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_GUARD_SETTINGS, encodeGuardSettings } from '../../src/guard/guard-settings.ts';
import { parseReportTarget } from '../../src/guard/report-target.ts';
import { startFullMachine } from '../../src/lab/full-machine.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { encodeHistoryEntry } from '../../src/switch/history.ts';
import { networkArguments } from '../support/connected-machine.ts';
import { LOAD_WITH_RESERVATION } from '../support/reserving-load.ts';
import { INSTALLED, installPackage } from '../vm/built-package.ts';
import { hop } from '../vm/switching.ts';

const LIMIT = { timeout: 1_500_000 };
const COMMAND = { timeoutMs: 300_000 };
const HOP_MS = 420_000;
const MOST_SECONDS = 300;
const MARKER = '/run/khop/guard-again';
const TO = 'http://10.0.2.2:8080/crashes';
const TIMER = '/usr/lib/systemd/system/khop-guard.timer';
const AGAIN_SERVICE = '/usr/lib/systemd/system/khop-guard-again.service';

/** The lab's machines never wait for a network; this one does, for longer than its boot can take. */
const WAIT_FOR_NETWORK = [
  'systemctl unmask systemd-networkd-wait-online.service',
  'systemctl enable systemd-networkd-wait-online.service',
  'mkdir /etc/systemd/system/systemd-networkd-wait-online.service.d',
  `printf '[Service]\\nExecStart=\\nExecStart=/lib/systemd/systemd-networkd-wait-online --timeout=900\\n' \\
    >/etc/systemd/system/systemd-networkd-wait-online.service.d/later.conf`,
].join('\n');

/** That a kernel died twice just now. */
function diedTwice(release: string, atMs: number): string {
  const entry = encodeHistoryEntry({
    ...{ version: 1, kind: 'crash', id: 'x', atMs, release, summary: 'it died', fingerprint: 'f00' },
    ...{ outcome: 'home-by-kexec', arrivedRelease: null, arrivedBootId: null, captureMs: 1, upMs: 1 },
  });
  return entry.repeat(2);
}

function observe(machine: VirtualMachine) {
  const run = async (command: string): Promise<string> =>
    (await machine.run(`${INSTALLED} ${command}`, COMMAND)).stdout;
  return {
    run,
    /** Looks each second, and only looks. */
    until: async (condition: string): Promise<void> => {
      const script = [
        'uptime() { cut -d. -f1 /proc/uptime; }',
        `end=$(($(uptime) + ${MOST_SECONDS}))`,
        `while [ $(uptime) -lt $end ]; do ${condition} && exit 0; sleep 1; done`,
        `echo ${JSON.stringify(`never: ${condition}`)}; ls /run/khop; systemctl list-jobs`,
        "systemctl status --no-pager --lines=20 'khop-guard*'; exit 1",
      ];
      await machine.run(script.join('\n'), { timeoutMs: 600_000 });
    },
    status: async () =>
      JSON.parse((await machine.exec(`${INSTALLED} khop guard status --json`, COMMAND)).stdout),
    said: async (unit: string): Promise<string> => await run(`journalctl --boot --output=cat --unit=${unit}`),
  };
}

test(
  'what was armed for now is armed as usual once the network is up, and once a loop is over, by systemd alone',
  LIMIT,
  async () => {
    await using machine = await startFullMachine({ extraArguments: networkArguments(',restrict=on') });
    const { run, until, status, said } = observe(machine);
    const plug = async (up: boolean) => await machine.qmp.execute('set_link', { name: 'net0', up });
    await installPackage(machine);
    // Before the first boot with it, too.
    await run('systemctl is-active khop-guard-again.path');
    await machine.run(WAIT_FOR_NETWORK, COMMAND);
    const settings = encodeGuardSettings({ ...DEFAULT_GUARD_SETTINGS, to: parseReportTarget(TO) });
    await machine.copyIn(settings, '/var/lib/khop/guard.json');
    await plug(false);
    await machine.run(LOAD_WITH_RESERVATION, COMMAND);
    await hop(machine, 'systemctl kexec', HOP_MS);

    await until(`test -e ${MARKER} && systemctl is-active --quiet khop-guard-again.service`);
    await until('systemctl is-active --quiet systemd-networkd.service');
    const offline = await status();
    assert.deepEqual([offline.state, offline.record.reportDevice], ['armed', null]);
    assert.match(await run('systemctl list-jobs'), /khop-guard-network\.service +start +waiting/);
    await plug(true);
    await until(`! test -e ${MARKER}`);
    await until('systemctl show --property=ActiveState khop-guard-network.service | grep -q =inactive');
    assert.match(await said('khop-guard-network.service'), /because there is a place for reports now/);
    const online = await status();
    assert.equal(online.state, 'armed');
    assert.match(online.record.reportDevice, /^http:.*, through en/);

    // The unit as it is, but for its pause of ten minutes.
    await run('systemctl stop khop-guard-again.service');
    await run(`sed -i 's/sleep 600 /sleep 15 /' ${AGAIN_SERVICE}`);
    await run(`grep 'sleep 15 ' ${AGAIN_SERVICE}`);
    await run('systemctl daemon-reload');
    const [release = '', seconds = ''] = (await machine.run('uname -r; date +%s', COMMAND)).stdout.split(
      '\n',
    );
    await machine.copyIn(diedTwice(release, Number(seconds) * 1000), '/root/crashes');
    await machine.run('cat /root/crashes >>/var/lib/khop/history.jsonl', COMMAND);
    await run(`khop guard on --to ${TO}`);
    await until(`test -e ${MARKER} && systemctl is-active --quiet khop-guard-again.service`);
    const isArmed = `${INSTALLED} khop guard status >/dev/null`;
    await machine.run('kexec-tools -p /boot/vmlinuz-$(uname -r) --reuse-cmdline', COMMAND);
    assert.equal((await status()).state, 'not-armed');
    await until(isArmed);
    assert.match(await said('khop-guard.service'), /because another panic kernel was loaded/);
    const looping = await status();
    assert.match(looping.record.loopReason, /died 2 times within 60 min/);
    assert.notEqual(looping.record.ending, 'home');
    await run(`ls ${MARKER}`);

    await run("date --set='61 minutes'");
    await until(`! test -e ${MARKER}`);
    await until('! systemctl is-active --quiet khop-guard-again.service');
    assert.match(await said('khop-guard.service'), /there is no loop any more/);
    const { state, record } = await status();
    assert.deepEqual([state, record.loopReason, record.ending], ['armed', null, 'home']);
    await run('systemctl is-active khop-guard-again.path');

    await run('systemctl is-active khop-guard-on.path khop-guard.timer');
    // As it is, but for the quarter of an hour by which machines of one host differ.
    await run(`sed -i '/^RandomizedDelaySec=/d' ${TIMER}`);
    await run('systemctl daemon-reload');
    await run('systemctl restart khop-guard.timer');
    await machine.run('kexec-tools -p --unload', COMMAND);
    assert.equal((await status()).state, 'not-armed');
    await run("date --set='90 minutes'");
    await until(isArmed);
    assert.equal(await run("systemctl list-units --failed --no-legend 'khop*'"), '');
  },
);

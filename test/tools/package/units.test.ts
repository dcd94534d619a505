import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { armAgainPath } from '../../../src/guard/armed-record.ts';
import { DEFAULT_GUARD_SETTINGS, encodeGuardSettings } from '../../../src/guard/guard-settings.ts';
import { parseReportTarget } from '../../../src/guard/report-target.ts';
import { runProcess } from '../../../src/machine/run-process.ts';
import { keptLoadPath, ticketPath } from '../../../src/switch/state-paths.ts';
import { buildTree } from '../../support/tree-builder.ts';

const PACKAGING = join(import.meta.dirname, '../../../packaging');
const FOLDERS = { root: '/', state: '/var/lib/khop', run: '/run/khop', cache: '/var/cache/khop' };
const UNITS = readdirSync(PACKAGING).filter((name) => /\.(service|path|timer)$/.test(name));

/** The values of a setting in a unit, in the order in which they stand there. */
function settingsOf(unit: string, name: string): string[] {
  const lines = readFileSync(join(PACKAGING, unit), 'utf8').split('\n');
  return lines.flatMap((line) => (line.startsWith(`${name}=`) ? [line.slice(name.length + 1)] : []));
}

test('every unit that arms the guard may ask for addresses and routes and resolve names', () => {
  const arming = UNITS.filter((unit) => settingsOf(unit, 'ExecStart').includes('/usr/bin/khop guard rearm'));
  assert.ok(arming.includes('khop-guard.service'));
  for (const unit of arming) {
    const families = settingsOf(unit, 'RestrictAddressFamilies').flatMap((value) => value.split(' '));
    for (const family of ['AF_UNIX', 'AF_NETLINK', 'AF_INET', 'AF_INET6'])
      assert.ok(families.length === 0 || families.includes(family), `${unit} allows no ${family}`);
  }
});

/** Units that conclude what led to this boot. */
function concludingUnits(): string[] {
  const commands = ['/usr/bin/khop guard rearm', '/usr/bin/khop arrive'];
  return UNITS.filter((unit) =>
    settingsOf(unit, 'ExecStart').some((command) => commands.includes(command)),
  ).sort();
}

test('who arms and who brings reports in sees every folder that they may go to, and may write there', () => {
  const units = concludingUnits();
  assert.deepEqual(units, ['khop-arrive.service', 'khop-guard-network.service', 'khop-guard.service']);
  for (const unit of units)
    for (const setting of ['ProtectHome', 'ProtectSystem', 'PrivateTmp'])
      assert.deepEqual(settingsOf(unit, setting), [], `${unit} has ${setting}=`);
});

test('every unit that a target wants is enabled by the package, and forgotten when it is purged', () => {
  const wanted = UNITS.filter((unit) => settingsOf(unit, 'WantedBy').length > 0);
  assert.ok(wanted.includes('khop-guard.service'));
  for (const script of ['postinst', 'postrm']) {
    const [named] = /khop-arrive\.service [^;>]*/.exec(
      readFileSync(join(PACKAGING, 'debian', script), 'utf8'),
    )!;
    assert.deepEqual(named.trim().split(' '), wanted.sort(), script);
  }
});

test('only where reports go by the network does arming wait for it, a second time', async () => {
  assert.deepEqual(settingsOf('khop-guard-network.service', 'WantedBy'), []);
  const [after = ''] = settingsOf('khop-guard-network.service', 'After');
  assert.match(after, /network-online\.target .*khop-guard\.service/);
  const script = settingsOf('khop-guard.service', 'ExecStartPost')
    .map((line) => /^-\/bin\/sh -c '(.*)'$/.exec(line)?.[1] ?? '')
    .find((line) => line.includes('khop-guard-network.service'))!;
  const places = [
    ['UUID=11111111-2222:/ssh', false],
    ['raw:PARTUUID=11111111-2222', false],
    ['http://logs/crashes', true],
    ['https://logs/crashes', true],
    ['ssh://khop@logs/crashes', true],
  ] as const;
  for (const [place, isNetwork] of places) {
    const to = parseReportTarget(place, isNetwork && place.startsWith('ssh') ? { sshKey: '/root/key' } : {});
    using tree = buildTree({ 'guard.json': encodeGuardSettings({ ...DEFAULT_GUARD_SETTINGS, to }) });
    const here = script
      .replace('/var/lib/khop/guard.json', `${tree.root}/guard.json`)
      .replace('exec systemctl', 'echo');
    const { stdout } = await runProcess('sh', ['-c', `${here} || true`], { timeoutMs: 10_000 });
    assert.equal(stdout, isNetwork ? '--no-block start khop-guard-network.service\n' : '', place);
  }
});

test('hooks wait for the network where there is something to tell, and no other machine does', async () => {
  assert.deepEqual(settingsOf('khop-crash-hooks.service', 'WantedBy'), []);
  assert.deepEqual(settingsOf('khop-crash-hooks.service', 'Wants'), ['network-online.target']);
  const [after = ''] = settingsOf('khop-crash-hooks.service', 'After');
  assert.match(after, /khop-arrive\.service network-online\.target/);
  const untold = settingsOf('khop-crash-hooks.service', 'ConditionPathExists').map((path) => path.slice(1));
  assert.deepEqual(untold, ['/run/khop/crashes-untold', '/run/khop/trials-untold']);
  const scripts = concludingUnits().map((unit) =>
    settingsOf(unit, 'ExecStartPost')
      .map((line) => /^-\/bin\/sh -c '(.*)'$/.exec(line)?.[1] ?? '')
      .find((line) => line.includes('khop-crash-hooks.service')),
  );
  const [script = ''] = scripts;
  assert.ok(scripts.every((each) => each === script));
  for (const there of [[], untold.slice(0, 1), untold.slice(1), untold]) {
    using tree = buildTree(Object.fromEntries(there.map((path) => [path.slice(1), 'id\n'])));
    const here = script.replaceAll('/run/khop/', `${tree.root}/run/khop/`).replace('exec systemctl', 'echo');
    const { stdout } = await runProcess('sh', ['-c', `${here} || true`], { timeoutMs: 10_000 });
    assert.equal(stdout, there.length > 0 ? '--no-block start khop-crash-hooks.service\n' : '');
  }
});

test('what is armed for now only is looked at again until it is not, and no boot waits for that', () => {
  assert.deepEqual(settingsOf('khop-guard-again.path', 'PathExists'), [armAgainPath(FOLDERS)]);
  const [command = ''] = settingsOf('khop-guard-again.service', 'ExecStart');
  const [, pauseSeconds] = /sleep (\d+) && exec systemctl start khop-guard\.service/.exec(command) ?? [];
  assert.ok(Number(pauseSeconds) >= 60, 'systemd would start it without a pause');
  assert.deepEqual(settingsOf('khop-guard-again.service', 'Type'), ['exec']);
});

test('each hour, and behind other panic kernels, it is seen that the guard’s is loaded, where there is a guard', () => {
  const [settings = ''] = settingsOf('khop-guard.service', 'ConditionPathExists');
  assert.deepEqual(settingsOf('khop-guard-on.path', 'PathExists'), [settings]);
  assert.deepEqual(settingsOf('khop-guard-on.path', 'Unit'), ['khop-guard.timer']);
  assert.deepEqual(settingsOf('khop-guard.timer', 'OnCalendar'), ['hourly']);
  assert.deepEqual(settingsOf('khop-guard.timer', 'WantedBy'), []);
  const wantedBy = settingsOf('khop-guard.service', 'WantedBy').flatMap((value) => value.split(' '));
  const after = settingsOf('khop-guard.service', 'After').flatMap((value) => value.split(' '));
  for (const unit of ['kdump-tools.service', 'kdump.service'])
    assert.ok(wantedBy.includes(unit) && after.includes(unit), unit);
});

test('what an earlier boot has loaded is concluded, also where there is no ticket and no guard', () => {
  const paths = settingsOf('khop-arrive.service', 'ConditionPathExists');
  for (const path of [ticketPath(FOLDERS), keptLoadPath(FOLDERS)])
    assert.ok(paths.includes(`|${path}`), path);
});

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { findFailureAction } from '../../src/machine/units.ts';
import { goingHomePath } from '../../src/trial/asked-shutdown.ts';
import { ORDERLY_SECONDS } from '../../src/trial/go-home.ts';

const FOLDER = join(import.meta.dirname, '..', '..', 'packaging');
const SERVICES = readdirSync(FOLDER).filter((name) => name.endsWith('.service'));

/** Stopped with what they name. */
const BOUND = /^(?:Requires|Requisite|BindsTo|PartOf|RequiresMountsFor)$/;
/** Each implies RequiresMountsFor= of its folders: systemd.exec(5), "Implicit Dependencies". */
const IMPLIES_MOUNTS =
  /^(?:PrivateTmp|WorkingDirectory|RootDirectory|RootImage|(?:Runtime|State|Cache|Logs|Configuration)Directory)$/;

/** Of all its sections: name and value of each line. */
function settingsOf(name: string): readonly (readonly [string, string])[] {
  const text = readFileSync(join(FOLDER, name), 'utf8');
  return [...text.matchAll(/^([A-Za-z]+)=(.*)$/gm)].map(([, key = '', value = '']) => [key, value]);
}

/** A shutdown stops those that conflict with it. */
function livesThroughShutdown(name: string): boolean {
  const settings = settingsOf(name);
  const values = (key: string) => settings.filter(([name]) => name === key).map(([, value]) => value);
  const hasDefaults = !values('DefaultDependencies').includes('no');
  return !hasDefaults && !values('Conflicts').join(' ').split(' ').includes('shutdown.target');
}

test('the agent lives through a shutdown, and no other service of khop', () => {
  assert.deepEqual(SERVICES.filter(livesThroughShutdown), ['khop-trial.service']);
});

test('what lives through a shutdown requires no mount: it would be stopped before the mount is', () => {
  for (const name of SERVICES.filter(livesThroughShutdown)) {
    const bound = settingsOf(name).filter(([key]) => BOUND.test(key) || IMPLIES_MOUNTS.test(key));
    assert.deepEqual(bound, [], name);
  }
});

test('what lives through a shutdown pulls nothing in: with what is being stopped it could not start anew', () => {
  const pulls = /^(?:Wants|Requires|Requisite|BindsTo|Upholds)$/;
  for (const name of SERVICES.filter(livesThroughShutdown))
    assert.deepEqual(
      settingsOf(name).filter(([key]) => pulls.test(key)),
      [],
      name,
    );
});

test('the agent waits for every mount that its folder may be on, and does not start without the folder', () => {
  const settings = settingsOf('khop-trial.service');
  const after = settings.flatMap(([key, value]) => (key === 'After' ? value.split(' ') : []));
  for (const mount of ['var.mount', 'var-lib.mount', 'var-lib-khop.mount']) assert.ok(after.includes(mount));
  const condition = settings.find(([key]) => key === 'ExecCondition');
  assert.deepEqual(condition, ['ExecCondition', '/usr/bin/test -d /var/lib/khop']);
});

test('what notes a shutdown is stopped before its folder is unmounted, and by nobody who asks for a rescue shell', () => {
  const settings = settingsOf('khop-trial-asked.service').map((setting) => setting.join('='));
  for (const setting of ['RequiresMountsFor=/var/lib/khop', 'IgnoreOnIsolate=yes', 'RemainAfterExit=yes'])
    assert.ok(settings.includes(setting), setting);
});

/** As systemd lists it while what it stops has not stopped. */
const SHUTDOWN = ' 1234 shutdown.target start waiting';

/** What it says of a unit. */
const BROKEN = 'Id=db.service\nResult=exit-code\nFailureAction=reboot\nStartLimitAction=none\n';

/** What the unit writes as it is stopped. @param job of shutdown.target @param failed shown, if there is such a unit */
function noteOf(job: string, files: readonly string[], failed = ''): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'khop-asked-'));
  try {
    for (const name of files) writeFileSync(join(folder, name), '');
    const asked = 'list-jobs --no-legend shutdown.target';
    const systemctl = [
      ...['#!/bin/sh', 'case "$*" in', `'${asked}') echo '${job}';;`, 'is-system-running) echo starting;;'],
      `'show --state=failed '*' *') printf '${failed}';;`,
      ...['esac', ''],
    ].join('\n');
    writeFileSync(join(folder, 'systemctl'), systemctl, { mode: 0o755 });
    const [, stop = ''] = settingsOf('khop-trial-asked.service').find(([key]) => key === 'ExecStop') ?? [];
    const script = /^-\/bin\/sh -c '([^']*)'$/.exec(stop)?.[1]?.replace(/\/(?:var\/lib|run)\/khop/g, folder);
    assert.ok(script !== undefined && !script.includes('$'), 'systemd would replace it');
    spawnSync('sh', ['-c', script], {
      env: { PATH: `${folder}:${process.env['PATH']}` },
      timeout: 30_000,
    });
    const note = join(folder, 'asked-shutdown');
    return existsSync(note) ? readFileSync(note, 'utf8') : undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** service.c: stop, stop-sigterm, stop-sigkill, final-sigterm, final-sigkill. */
const STOP_STEPS = 5;

/** DefaultTimeoutStopSec= of systemd. */
const ANY_SERVICE_SECONDS = 90;

test('a disk that does not answer keeps a shutdown no longer than any service may, and khop back within its time', () => {
  const [, seconds = ''] =
    settingsOf('khop-trial-asked.service').find(([key]) => key === 'TimeoutStopSec') ?? [];
  const most = Math.min(ANY_SERVICE_SECONDS, ORDERLY_SECONDS);
  assert.ok(/^[1-9]\d*$/.test(seconds) && STOP_STEPS * Number(seconds) <= most, seconds);
});

test('a shutdown in a trial is noted with the command line; a unit that is stopped, or a trial that is over, is none', () => {
  assert.equal(noteOf(SHUTDOWN, ['trial.json']), readFileSync('/proc/cmdline', 'utf8'));
  for (const job of ['', 'No jobs listed.', '7 shutdown.target stop waiting'])
    assert.equal(noteOf(job, ['trial.json']), undefined);
  assert.equal(noteOf(SHUTDOWN, []), undefined);
});

test('with a shutdown it is noted what had failed, since the failure of a unit may be what asked for it', () => {
  const note = noteOf(SHUTDOWN, ['trial.json'], BROKEN) ?? '';
  const [commandLine, ...shown] = note.split('\n');
  assert.equal(`${commandLine}\n`, readFileSync('/proc/cmdline', 'utf8'));
  assert.deepEqual(findFailureAction(shown.join('\n')), { name: 'db.service', action: 'reboot' });
});

test('the way home of an agent is no shutdown that somebody asked for', () => {
  const path = goingHomePath({ root: '/', state: '', run: '/run/khop', cache: '' });
  assert.equal(noteOf(SHUTDOWN, ['trial.json', basename(path)]), undefined);
  const [, stop = ''] = settingsOf('khop-trial-asked.service').find(([key]) => key === 'ExecStop') ?? [];
  assert.ok(stop.includes(`test ! -e ${path} `));
});

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

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

test('the agent waits for every mount that its folder may be on, and does not start without the folder', () => {
  const settings = settingsOf('khop-trial.service');
  const after = settings.flatMap(([key, value]) => (key === 'After' ? value.split(' ') : []));
  for (const mount of ['var.mount', 'var-lib.mount', 'var-lib-khop.mount']) assert.ok(after.includes(mount));
  const condition = settings.find(([key]) => key === 'ExecCondition');
  assert.deepEqual(condition, ['ExecCondition', '/usr/bin/test -d /var/lib/khop']);
});

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const PACKAGING = join(import.meta.dirname, '../../../packaging');
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

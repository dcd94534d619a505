import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfiguration } from '../../../src/switch/configuration.ts';
import { HEALTH_CHECKS } from '../../../src/trial/health/checks.ts';
import { healthSettings } from '../../../src/trial/health/settings.ts';
import { SETTINGS } from '../../support/health-world.ts';

test('what khop.conf names is asked of every trial', () => {
  const text = [
    'trial-units = ssh nginx\ntrial-sockets = localhost:443\ntrial-ignore = system.memory',
    'trial-ignore-warnings = i915 foo_*\ntrial-ignore-units = fwupd*.service\n',
  ].join('\n');
  const settings = healthSettings(parseConfiguration(text, 'khop.conf'), SETTINGS.trial);
  assert.deepEqual(settings, {
    requiredUnits: ['ssh', 'nginx'],
    requiredSockets: [{ host: 'localhost', port: 443 }],
    ignore: ['system.memory'],
    ignoredWarnings: ['i915', 'foo_*'],
    ignoredUnits: ['fwupd*.service'],
    scriptFolder: '/etc/khop/checks',
    scriptSeconds: 30,
    trial: SETTINGS.trial,
  });
  assert.ok(settings.ignore.every((id) => HEALTH_CHECKS.some((check) => check.id === id)));
});

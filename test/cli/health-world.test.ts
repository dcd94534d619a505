import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import * as v from 'valibot';
import { healthCalls } from '../../src/cli/health-world.ts';
import { Baseline, takeBaseline } from '../../src/trial/health/baseline.ts';
import { runChecks } from '../../src/trial/health/checks.ts';
import { SETTINGS } from '../support/health-world.ts';

test('the baseline of this machine outlives a file, and its CPUs, memory and disks are there again', async () => {
  const world = healthCalls({ signal: new AbortController().signal }, '/');
  const text = JSON.stringify(await takeBaseline(world));
  const baseline = v.parse(Baseline, JSON.parse(text));
  assert.equal(JSON.stringify(baseline), text);
  assert.ok(baseline.cpus.state === 'known' && baseline.cpus.value > 0);
  assert.ok(baseline.memory.state === 'known' && baseline.memory.value > 2 ** 26);
  const results = await runChecks(world, baseline, SETTINGS, 'system');
  for (const id of ['system.cpus', 'system.memory', 'system.disks', 'system.mounts'])
    assert.equal(results.find((result) => result.id === id)?.state, 'passed', id);
});

test('a port that is named in the settings is asked for until somebody listens there', async () => {
  const world = healthCalls({ signal: new AbortController().signal }, '/');
  const baseline = await takeBaseline(world);
  const server = createServer((socket) => socket.end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const settings = { ...SETTINGS, requiredSockets: [{ host: '127.0.0.1', port: address.port }] };
  const outcome = async () =>
    (await runChecks(world, baseline, settings, 'services')).find(
      ({ id }) => id === 'services.configured-sockets',
    );
  assert.equal((await outcome())?.state, 'passed');
  server.close();
  await once(server, 'close');
  assert.deepEqual(
    [(await outcome())?.state, (await outcome())?.detail],
    ['waiting', `127.0.0.1:${address.port} does not answer: ECONNREFUSED`],
  );
});

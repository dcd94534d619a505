import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import { Baseline, takeBaseline } from '../../../src/trial/health/baseline.ts';
import {
  GIBIBYTE,
  healthWorld,
  kernelLog,
  SSH,
  silentSystemd,
  systemd,
  unit,
} from '../../support/health-world.ts';
import { absent, read, unreadable } from '../../support/machine-facts.ts';

test('a baseline goes through JSON and the schema unchanged, and another version is refused', async () => {
  const baseline = await takeBaseline(
    healthWorld({ readDisks: () => unreadable(), readTaint: () => absent() }),
  );
  const copy = JSON.parse(JSON.stringify(baseline));
  assert.deepEqual(v.parse(Baseline, copy), baseline);
  assert.deepEqual(baseline.disks, { state: 'unknown', reason: '/test/source: EACCES' });
  assert.deepEqual(baseline.taint, { state: 'absent' });
  assert.deepEqual(baseline.memory, { state: 'known', value: 8 * GIBIBYTE });
  for (const wrong of [
    { ...copy, version: 3 },
    { ...copy, cpus: undefined },
    { ...copy, cpus: { state: 'known' } },
  ])
    assert.equal(v.safeParse(Baseline, wrong).success, false);
});

test('sockets of sessions, containers and random ports are left out, and workers that share one are one', async () => {
  const of = (port: number, controlGroup: string | null) => ({ ...SSH, port, controlGroup });
  const { sockets } = await takeBaseline(
    healthWorld({
      readSockets: () =>
        read([
          SSH,
          SSH,
          of(80, '/init.scope'),
          of(2049, null),
          of(3000, '/user.slice/user-1000.slice/session-4.scope'),
          of(3001, '/user.slice/user-1000.slice/user@1000.service/app.slice/dev.service'),
          of(3002, '/system.slice/docker-0123.scope'),
          of(3003, '/machine.slice/machine-qemu.scope/x'),
          of(3004, '/kubepods.slice/pod'),
          of(3005, '/'),
          of(40_000, '/system.slice/rpc.service'),
        ]),
      connect: async (_host, port) => (port === 80 ? 'ETIMEDOUT' : undefined),
    }),
  );
  assert.deepEqual(sockets.state === 'known' && sockets.value.map(({ port, answers }) => [port, answers]), [
    [22, true],
    [80, false],
    [2049, true],
    [3005, true],
  ]);
});

test('published ports of containers are not those of the service that forwards them', async () => {
  const docker = { ...SSH, controlGroup: '/system.slice/docker.service' };
  const { sockets } = await takeBaseline(
    healthWorld({
      readSockets: () =>
        read([
          { ...docker, port: 5432, holder: 'docker-proxy' },
          { ...docker, port: 8080, holder: 'dockerd' },
          { ...docker, port: 9323, holder: null },
          { ...SSH, port: 8443, controlGroup: '/system.slice/web.service/supervisor', holder: 'conmon' },
        ]),
    }),
  );
  assert.deepEqual(sockets.state === 'known' && sockets.value.map(({ port }) => port), [9323, 8443]);
});

test('where nearly all ports may be given at random, those of services below the usual range are kept', async () => {
  const of = (port: number, controlGroup: string | null, holder = 'server') => ({
    ...{ ...SSH, port, controlGroup, holder },
  });
  const { sockets } = await takeBaseline(
    healthWorld({
      readEphemeralPorts: () => read([1024, 65_535] as const),
      readSockets: () =>
        read([
          SSH,
          of(5432, '/system.slice/system-postgresql.slice/postgresql@15-main.service'),
          of(8080, '/system.slice/web.service/worker'),
          of(9090, '/init.scope', 'systemd'),
          of(2049, null),
          of(7000, '/'),
          of(20_048, '/system.slice/nfs-mountd.service', 'rpc.mountd'),
          of(40_000, '/system.slice/web.service'),
          of(61_000, '/system.slice/web.service'),
        ]),
    }),
  );
  assert.deepEqual(
    sockets.state === 'known' && sockets.value.map(({ port }) => port),
    [22, 5432, 8080, 9090],
  );
});

test('the usual range of random ports is taken when the kernel does not tell its own', async () => {
  const { sockets } = await takeBaseline(
    healthWorld({ readSockets: () => read([{ ...SSH, port: 40_000 }]), readEphemeralPorts: () => absent() }),
  );
  assert.deepEqual(sockets, { state: 'known', value: [] });
});

test('units of all types that failed are kept, and services that no session started', async () => {
  const units = systemd('degraded', [
    unit('a.service'),
    unit('b.mount', 'failed'),
    unit('c.service', 'failed'),
    unit('user@1000.service'),
    unit('run-u7.service'),
    unit('d.mount'),
    unit('e.service', 'activating'),
  ]);
  const { failedUnits, activeServices } = await takeBaseline(healthWorld({ units }));
  assert.deepEqual(failedUnits, { state: 'known', value: ['b.mount', 'c.service'] });
  assert.deepEqual(activeServices, { state: 'known', value: ['a.service'] });
  const bare = await takeBaseline(healthWorld({ units: silentSystemd(absent()) }));
  for (const recorded of [bare.failedUnits, bare.activeServices, bare.restlessServices])
    assert.deepEqual(recorded, { state: 'absent' });
});

test('complaints are told by kind and function, so that two kernels can be compared', async () => {
  const { complaints } = await takeBaseline(
    healthWorld({
      readKernelLog: () =>
        kernelLog(
          [
            'WARNING: CPU: 1 PID: 7 at drivers/foo.c:12 foo_probe.isra.0+0x1a/0x40 [foo]',
            '---[ end trace 0000000000000000 ]---',
            'WARNING: CPU: 3 PID: 8 at drivers/foo.c:12 foo_probe+0x1a/0x40 [foo]',
            '---[ end trace 0000000000000000 ]---',
            'rcu: INFO: rcu_sched self-detected stall on CPU',
            'watchdog: BUG: soft lockup - CPU#2 stuck for 22s! [stress-ng:41]',
          ],
          10,
        ),
    }),
  );
  assert.deepEqual(complaints, {
    state: 'known',
    value: {
      counts: { 'warning in foo_probe [foo]': 2, 'rcu-stall': 1, 'soft-lockup of stress-ng': 1 },
      isWhole: false,
    },
  });
});

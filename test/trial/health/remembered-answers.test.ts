import assert from 'node:assert/strict';
import { test } from 'node:test';
import { takeBaseline } from '../../../src/trial/health/baseline.ts';
import { runChecks } from '../../../src/trial/health/checks.ts';
import { rememberAnswers } from '../../../src/trial/health/remembered-answers.ts';
import { healthWorld, SETTINGS } from '../../support/health-world.ts';

/** A port that is asked at each of these seconds. @param refuses until it answers, s */
async function askedAt(seconds: readonly number[], refuses: (second: number) => boolean = () => false) {
  let now = 0;
  const asked: number[] = [];
  const connect = rememberAnswers({
    uptimeMs: () => now * 1000,
    connect: async () => {
      asked.push(now);
      return refuses(now) ? 'ECONNREFUSED' : undefined;
    },
  });
  const said: string[] = [];
  for (now of seconds) said.push((await connect('127.0.0.1', 22)) ?? 'answers');
  return { asked, said };
}

const range = (end: number, step: number) =>
  Array.from({ length: end / step + 1 }, (_, index) => index * step);

test('a port that answers is asked once more while services have to be well, and then ever more seldom', async () => {
  assert.deepEqual((await askedAt(range(20, 4))).asked, [0, 16]);
  assert.deepEqual((await askedAt(range(400, 1))).asked, [0, 15, 45, 105, 225, 345]);
});

test('a port that does not answer is asked each time, and one that answers anew is trusted as little as at first', async () => {
  const { asked, said } = await askedAt(range(40, 1), (second) => second < 3 || second === 18);
  assert.deepEqual(asked, [0, 1, 2, 3, 18, 19, 34]);
  assert.equal(said[18], 'ECONNREFUSED');
  assert.equal(said[19], 'answers');
});

test('two ports, and two addresses of one, are asked each for itself', async () => {
  const asked: string[] = [];
  const connect = rememberAnswers({
    uptimeMs: () => 0,
    connect: async (host, port) => void asked.push(`${host} ${port}`),
  });
  for (let round = 0; round < 2; round++)
    for (const [host, port] of [
      ['::1', 22],
      ['127.0.0.1', 22],
      ['::1', 80],
    ] as const)
      await connect(host, port);
  assert.deepEqual(asked, ['::1 22', '127.0.0.1 22', '::1 80']);
});

test('that nobody listens any more is seen without asking', async () => {
  const baseline = await takeBaseline(healthWorld());
  const world = healthWorld();
  const connect = rememberAnswers(world);
  const stateOf = async (over: Parameters<typeof healthWorld>[0]) =>
    (await runChecks(healthWorld({ ...over, connect }), baseline, SETTINGS, 'services')).find(
      ({ id }) => id === 'services.sockets',
    )?.state;
  assert.equal(await stateOf({}), 'passed');
  assert.equal(
    await stateOf({ readSockets: () => ({ state: 'read', source: '/proc/net/tcp', value: [] }) }),
    'waiting',
  );
});

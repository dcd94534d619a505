import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { measureDowntime, waitForAnswer } from '../../../tools/bench/answering-service.ts';

/** Answers with `bootId` on `port`, or on any when it is 0. */
async function serve(bootId: string, port = 0): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer((_request, response) => response.end(`${bootId} 1.25`));
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const address = server.address();
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0 };
}

async function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

test('the downtime ends with the first answer of another kernel, not with one of the old that comes back', async () => {
  const first = await serve('old');
  assert.equal(await waitForAnswer(first.port, 5_000), 'old');
  let cpuMs = 0;
  const readCpuMs = () => cpuMs;
  const downtime = measureDowntime({ port: first.port, bootId: 'old', readCpuMs }, 20_000);
  await stop(first.server);
  await sleep(200);
  const back = await serve('old', first.port);
  await sleep(300);
  await stop(back.server);
  cpuMs = 70;
  const gone = performance.now();
  await sleep(400);
  const second = await serve('new', first.port);
  const measured = await downtime;
  const longest = performance.now() - gone + 200;
  await stop(second.server);
  assert.ok(
    measured.downtimeMs >= 390 && measured.downtimeMs <= longest,
    `${measured.downtimeMs} ms, at most ${longest}`,
  );
  assert.equal(measured.uptimeMs, 1250);
  assert.equal(measured.cpuMs, 70, 'what was used before the last answer does not count');
});

test('a service that does not answer is an error after the deadline', async () => {
  const { server, port } = await serve('old');
  await stop(server);
  await assert.rejects(waitForAnswer(port, 150), { code: 'E_TIMEOUT' });
  await assert.rejects(measureDowntime({ port, bootId: 'old', readCpuMs: () => 0 }, 150), {
    code: 'E_TIMEOUT',
  });
});

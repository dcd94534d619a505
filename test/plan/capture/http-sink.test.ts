import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, createServer as createRawServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { httpSink } from '../../../src/plan/capture/http-sink.ts';
import { REPORT_INFO, REPORT_LOG, REPORT_NAME, reportSaver } from '../../support/captured-reports.ts';
import { PROGRAM_RUNNERS, runProgramBeside } from '../../support/static-programs.ts';

const LOOPBACK = Uint8Array.of(127, 0, 0, 1);

function nowMs(): number {
  return Math.round(Number(process.hrtime.bigint() / 1_000_000n));
}

/** A program that puts a report to the server, and what became of it. */
async function saveTo(server: Server, runner: (typeof PROGRAM_RUNNERS)[number], patienceMs: number) {
  const folder = mkdtempSync(join(tmpdir(), 'khop-http-'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const sink = httpSink({
    kind: 'http',
    address: LOOPBACK,
    port,
    host: `localhost:${port}`,
    path: '/crashes/',
    network: undefined,
    deadlineMs: nowMs() + patienceMs,
  });
  try {
    return { port, ...(await runProgramBeside(runner, reportSaver(sink), folder)) };
  } finally {
    server.close();
    rmSync(folder, { recursive: true });
  }
}

for (const runner of PROGRAM_RUNNERS) {
  const { architecture, skip } = runner;

  test(`${architecture}: a server gets each file by PUT, again when it was busy, the steps last`, {
    skip,
  }, async () => {
    const taken: { readonly request: IncomingMessage; readonly text: string }[] = [];
    let asked = 0;
    const server = createServer(async (request, response) => {
      const text = (await buffer(request)).toString();
      asked++;
      if (asked === 1) response.writeHead(503).end();
      else if (asked === 2) request.socket.destroy();
      else {
        taken.push({ request, text });
        response.writeHead(asked % 2 ? 201 : 204).end();
      }
    });
    const { status, output, port } = await saveTo(server, runner, 15_000);
    assert.equal(status, 0);
    assert.deepEqual(
      taken.map(({ request, text }) => [request.method, request.url, request.headers.host, text]),
      [
        ['dmesg.txt', REPORT_LOG],
        ['vmcoreinfo.txt', REPORT_INFO],
        ['chain.txt', output.toString()],
      ].map(([name, text]) => ['PUT', `/crashes/${REPORT_NAME}/${name}`, `localhost:${port}`, text]),
    );
  });

  test(`${architecture}: a server that refuses, says nonsense or nothing ends in time, and is no success`, {
    skip,
  }, async () => {
    const silent = createRawServer((socket) => socket.on('error', () => undefined));
    const nonsense = createRawServer((socket) => {
      socket.on('error', () => undefined);
      socket.end('220 mail ready, no web\r\n');
    });
    const refusing = createServer((request, response) => {
      request.resume();
      response.writeHead(403).end();
    });
    for (const server of [silent, nonsense, refusing]) {
      const started = performance.now();
      const { status } = await saveTo(server, runner, 1200);
      assert.equal(status, 110);
      assert.ok(performance.now() - started < 10_000);
    }
  });
}

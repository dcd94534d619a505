import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { BroughtProgram } from '../../../src/plan/capture/brought-program.ts';
import { httpsSink } from '../../../src/plan/capture/https-sink.ts';
import { REPORT_INFO, REPORT_LOG, REPORT_NAME, reportSaver } from '../../support/captured-reports.ts';
import { PROGRAM_RUNNERS, runProgram } from '../../support/static-programs.ts';

const FAR = Number.MAX_SAFE_INTEGER;
const URL = 'https://reports.example.org/crashes/';

/**
 * In the place of curl: fails at first, then adds to `taken` what it was asked for. Its first argument is an option,
 * its last one the address.
 */
const STAND_IN = `
const { appendFileSync, existsSync, readFileSync, writeFileSync } = require('node:fs');
const text = readFileSync('/proc/self/fd/0', 'utf8');
if (!existsSync('tried')) { writeFileSync('tried', ''); process.exit(22); }
appendFileSync('taken', JSON.stringify([process.argv.slice(2), text]) + '\\n');
`;

function runIn<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'khop-https-'));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const curl = (...command: readonly string[]): BroughtProgram => ({ folder: '/curl', files: [], command });

for (const runner of PROGRAM_RUNNERS) {
  const { architecture, skip } = runner;

  test(
    `${architecture}: curl gets each file with its address, again when it failed, the steps last`,
    {
      skip,
    },
    () =>
      runIn((folder) => {
        const script = join(folder, 'curl.cjs');
        writeFileSync(script, STAND_IN);
        const program = curl(process.execPath, script, '--option');
        const sink = httpsSink({ kind: 'https', program, url: URL, network: undefined, deadlineMs: FAR });
        const { status, output } = runProgram(runner, reportSaver(sink), { folder });
        assert.equal(status, 0);
        const taken = readFileSync(join(folder, 'taken'), 'utf8').trim().split('\n');
        assert.deepEqual(
          taken.map((line) => JSON.parse(line)),
          [
            ['dmesg.txt', REPORT_LOG],
            ['vmcoreinfo.txt', REPORT_INFO],
            ['chain.txt', output.toString()],
          ].map(([name, text]) => [['--option', `${URL}${REPORT_NAME}/${name}`], text]),
        );
      }),
  );

  test(
    `${architecture}: a server that never takes it, or a curl that is not there, is no success`,
    {
      skip,
    },
    () =>
      runIn((folder) => {
        for (const program of [curl('/bin/false'), curl('/bin/sleep', '60'), curl('/nowhere/curl')]) {
          const nowMs = Math.round(Number(process.hrtime.bigint() / 1_000_000n));
          const target = { kind: 'https', program, url: URL, network: undefined } as const;
          const sink = httpsSink({ ...target, deadlineMs: nowMs + 1500 });
          const { status } = runProgram(runner, reportSaver(sink), { folder });
          assert.equal(status, 110);
          assert.ok(!existsSync(join(folder, 'taken')));
        }
      }),
  );
}

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseCpio } from '../../../src/formats/cpio.ts';
import { joinBytes } from '../../../src/formats/join-bytes.ts';
import { fn } from '../../../src/formats/static-program/functions.ts';
import {
  appendNumber,
  appendText,
  bytesOf,
  sizeOf,
  startText,
  textMemory,
} from '../../../src/formats/static-program/library/growing-text.ts';
import { LINUX } from '../../../src/formats/static-program/library/linux.ts';
import { writeAll } from '../../../src/formats/static-program/library/output.ts';
import { argumentsOf, environmentOf } from '../../../src/formats/static-program/library/process.ts';
import { giveBack, loopWhile, type Statement, set } from '../../../src/formats/static-program/statements.ts';
import { encodeStaticProgram } from '../../../src/formats/static-program/static-program.ts';
import { load, sys, type Term, zeroed } from '../../../src/formats/static-program/terms.ts';
import { hostArchitecture } from '../../../src/machine/host-architecture.ts';
import type { FileLoadPlan, SegmentsLoadPlan } from '../../../src/plan/load-plan.ts';
import type { FirstActOrder } from '../../../src/plan/trial/first-act-order.ts';
import { trialArchive } from '../../../src/plan/trial/trial-archive.ts';

const FAR = 2 ** 50;
const ORDER: FirstActOrder = {
  architecture: hostArchitecture(),
  init: '/init',
  crash: undefined,
  home: undefined,
  watchdog: undefined,
  bootDeadlineMs: FAR,
  deadlineMs: FAR,
  wayHomeMs: FAR,
};

const base = {
  version: 1,
  reason: '',
  kernel: { id: '', title: '', release: undefined, image: '' },
  commandLine: 'quiet',
  memoryMap: [],
  notes: [],
  flags: 0,
  optionalFlags: 0,
} as const;
const named = (text: string) => ({ name: text, path: undefined, bytes: Buffer.from(text) });

test('the archive has folders before what is in them, the program, and each file once', () => {
  for (const architecture of ['x86-64', 'arm64'] as const) {
    const crash: FileLoadPlan = {
      ...base,
      ...{ architecture, slot: 'crash', method: 'file', flags: 2 },
      ...{ image: named('kernel'), initrd: named('capture') },
    };
    const segment = (name: string, address: bigint) => ({
      ...{ name, address, memorySize: 4096, bytes: Buffer.from(name), source: '' },
    });
    const segments: SegmentsLoadPlan = {
      ...base,
      ...{ architecture, slot: 'normal', method: 'segments', entry: 0x1000n },
      segments: [segment('stub', 0x1000n), segment('initrd', 0x2000n)],
    };
    const watchdog = {
      modules: [{ name: 'i6300esb', bytes: Buffer.from('module'), parameters: 'heartbeat=60' }],
      device: '/dev/watchdog0',
      timeoutSeconds: 60,
      leaveSeconds: 180,
    };
    const namesOf = (home: FirstActOrder['home']) => {
      const { pieces } = trialArchive({ ...ORDER, architecture, crash, home, watchdog });
      const { entries } = parseCpio(joinBytes(pieces));
      const known = new Set(['.']);
      for (const { name } of entries) {
        assert.ok(known.has(name.includes('/') ? name.slice(0, name.lastIndexOf('/')) : '.'), name);
        known.add(name);
      }
      const program = entries.find(({ name }) => name === 'khop/first');
      assert.equal(program?.mode, 0o100755);
      assert.ok(program.bytes.length < 16 * 1024, `the program has ${program.bytes.length} bytes`);
      const log = entries.find(({ name }) => name === 'khop/kmsg');
      assert.deepEqual([log?.mode, log?.deviceMajor, log?.deviceMinor], [0o020600, 1, 11]);
      return entries
        .filter(({ mode }) => mode === 0o100600)
        .map(({ name, bytes: content, hardLinkTo }) => [name, hardLinkTo ?? Buffer.from(content).toString()]);
    };
    assert.deepEqual(namesOf({ ...crash, slot: 'normal', initrd: named('initramfs') }), [
      ['khop/crash/image', 'kernel'],
      ['khop/crash/initrd', 'capture'],
      ['khop/home/image', 'khop/crash/image'],
      ['khop/home/initrd', 'initramfs'],
      ['khop/modules/i6300esb.ko', 'module'],
    ]);
    assert.deepEqual(namesOf(segments).slice(2), [
      ['khop/home/stub', 'stub'],
      ['khop/home/initrd', 'initrd'],
      ['khop/modules/i6300esb.ko', 'module'],
    ]);
  }
});

const report = textMemory(1024);
const mask = zeroed(8);

const tell = (name: string, value: Term): readonly Statement[] => [
  appendText(report, `${name} `),
  appendNumber(report, value, 10, 1, 32),
  appendText(report, '\n'),
];

/** In place of a distribution's init: says what it finds, a line each. */
const init = fn('init', ['stack'], ['at', 'fd'], ({ stack, at, fd }) => [
  startText(report, 1024),
  ...[argumentsOf(stack), environmentOf(stack)].flatMap((list) => [
    set(at, list),
    loopWhile(load.u64(at), [
      appendText(report, load.u64(at)),
      appendText(report, '\n'),
      set(at, [at, '+', 8]),
    ]),
  ]),
  sys.rt_sigprocmask(0, 0, mask, 8),
  // There is no folder of khop's, and its first child is the guardian.
  ...tell('folder', [sys.openat(LINUX.AT_FDCWD, '/khop', LINUX.O_RDONLY), '>=', 0]),
  ...tell('guardian', [sys.kill(2, 0), '==', 0]),
  ...tell('blocked', load.u64(mask)),
  ...tell('next descriptor', sys.openat(LINUX.AT_FDCWD, '/', LINUX.O_RDONLY)),
  set(fd, sys.openat(LINUX.AT_FDCWD, '/report', LINUX.O_WRONLY | LINUX.O_CREAT, 0o600)),
  giveBack(writeAll(fd, bytesOf(report), sizeOf(report))),
]);

/** Unpacks the archive and starts the program as a first process; undefined where that cannot be. */
function runFirstAct(order: FirstActOrder, hasInit: boolean) {
  const root = mkdtempSync(join(tmpdir(), 'khop-first-'));
  try {
    const path = (name: string) => join(root, name);
    for (const entry of parseCpio(joinBytes(trialArchive(order).pieces)).entries)
      if ((entry.mode & 0o170000) === 0o040000) mkdirSync(path(entry.name));
      else if (entry.hardLinkTo === undefined)
        writeFileSync(path(entry.name), entry.bytes, { mode: entry.mode & 0o777 });
    // The log as a file that has another name too.
    linkSync(path('khop/kmsg'), path('log'));
    if (hasInit) writeFileSync(path('init'), encodeStaticProgram(init, order.architecture), { mode: 0o755 });
    const { status, stderr } = spawnSync(
      'unshare',
      ['--mount', '--pid', '--fork', '--kill-child', 'chroot', root, '/khop/first', 'single'],
      { timeout: 60_000, encoding: 'utf8', env: { HOME: '/', TERM: 'linux', PATH: process.env['PATH'] } },
    );
    if (/unshare|chroot/.test(stderr)) return undefined;
    const read = (name: string) => readFileSync(path(name), 'utf8').trimEnd().split('\n');
    return { status, log: read('log'), report: hasInit ? read('report') : [] };
  } finally {
    rmSync(root, { recursive: true });
  }
}

test('init starts as the kernel would have started it, with a guardian beside it and nothing left behind', (context) => {
  const module = { name: 'none', bytes: Buffer.from('no module'), parameters: '' };
  const watchdog = { modules: [module], device: '/dev/khop-none', timeoutSeconds: 10, leaveSeconds: 180 };
  const run = runFirstAct({ ...ORDER, watchdog }, true);
  if (run === undefined) return context.skip('no first process can be made here');
  const { status, log, report: lines } = run;
  assert.equal(status, 0);
  assert.deepEqual(lines, [
    ...['/init', 'single', 'HOME=/', 'TERM=linux', `PATH=${process.env['PATH']}`],
    ...['folder 0', 'guardian 1', 'blocked 0', 'next descriptor 3'],
  ]);
  assert.deepEqual(
    log
      .filter((line) => /watchdog|insert|start the guardian|remove/.test(line))
      // Which error it is depends on what this machine's kernel has.
      .map((line) => line.replace(/errno \d+/, 'errno N')),
    [
      '<3>khop: insert none: errno N',
      '<3>khop: start the watchdog: errno N',
      '<5>khop: start the guardian: done',
    ],
  );
});

test('the files of all segments are found and mapped before the kernel is asked', (context) => {
  // An address that no kernel takes: it is refused before anything of it is kept.
  const segment = (name: string, size: number) => ({
    ...{ name, address: 0x1001n, memorySize: 4096, bytes: Buffer.alloc(size, 1), source: '' },
  });
  const home: SegmentsLoadPlan = {
    ...base,
    ...{ architecture: hostArchitecture(), slot: 'normal', method: 'segments', entry: 0x1000n },
    segments: [segment('stub', 100), segment('nothing', 0), segment('initrd', 4096)],
  };
  const run = runFirstAct({ ...ORDER, home }, true);
  if (run === undefined) return context.skip('no first process can be made here');
  const line = run.log.find((text) => text.includes('load the known-good kernel'));
  // EPERM, ENOSYS or EADDRNOTAVAIL: what a kernel says that does not know the call, forbids it, or looks at the address.
  assert.match(line ?? '', /errno (?:1|38|99)$/);
  assert.deepEqual(
    run.log.filter((text) => text.includes('remove')),
    [],
    'all files are gone',
  );
});

test('an init that cannot be started is said, and the first process ends, which is a panic', (context) => {
  const run = runFirstAct({ ...ORDER, init: '/sbin/none' }, false);
  if (run === undefined) return context.skip('no first process can be made here');
  assert.equal(run.status, 1);
  assert.equal(run.log.at(-1), '<3>khop: start /sbin/none: errno 2');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type Process,
  parseProcessStat,
  processesToStop,
  readProcesses,
} from '../../src/machine/processes.ts';
import { buildTree } from '../support/tree-builder.ts';

const stat = (pid: number, name: string, state: string, parent: number, flags: number): string =>
  `${pid} (${name}) ${state} ${parent} 1 1 0 -1 ${flags} 0 0 0 0\n`;

test('a line of /proc/PID/stat is read also when the name imitates one', () => {
  assert.deepEqual(parseProcessStat(stat(77, 'a) S 2 (b', 'S', 5, 0x400000)), {
    pid: 77,
    parent: 5,
    name: 'a) S 2 (b',
    isKernelThread: false,
    hasTerminal: false,
  });
  assert.equal(parseProcessStat(stat(2, 'kthreadd', 'S', 0, 0x208040))?.isKernelThread, true);
});

test('processes that have ended, and lines that are none, are passed over', () => {
  assert.equal(parseProcessStat(stat(7, 'x', 'Z', 1, 0)), undefined);
  assert.equal(parseProcessStat(stat(7, 'x', 'X', 1, 0)), undefined);
  fc.assert(
    fc.property(fc.string({ maxLength: 40 }), (text) => {
      const process = parseProcessStat(text);
      assert.ok(process === undefined || Number.isInteger(process.pid));
    }),
  );
});

test('storage daemons are known by the @ of their command line, when they are root’s', () => {
  using tree = buildTree({
    'proc/5/stat': stat(5, 'mdmon', 'S', 1, 0),
    'proc/5/cmdline': '@sbin/mdmon\0md127\0',
    'proc/6/stat': stat(6, 'bash', 'S', 1, 0),
    'proc/6/cmdline': '-bash\0',
    'proc/7/cmdline': 'no stat: it has just ended',
    'proc/self': { link: '5' },
    'proc/cpuinfo': '',
  });
  const isRoot = process.getuid?.() === 0;
  assert.deepEqual(
    readProcesses(tree.root).map(({ pid, isStorageDaemon }) => [pid, isStorageDaemon]),
    [
      [5, isRoot],
      [6, false],
    ],
  );
});

test('PID 1, the kernel’s own, storage daemons, khop and its ancestors are spared', () => {
  const make = (pid: number, parent: number, more: Partial<Process> = {}): Process => ({
    pid,
    parent,
    name: `p${pid}`,
    isKernelThread: false,
    hasTerminal: false,
    isStorageDaemon: false,
    ...more,
  });
  const all = [
    make(1, 0),
    make(2, 0, { isKernelThread: true }),
    make(3, 2, { isKernelThread: true }),
    make(10, 1),
    make(11, 10),
    make(12, 11),
    make(13, 11),
    make(20, 1, { isStorageDaemon: true }),
    make(30, 1),
    make(31, 30),
  ];
  assert.deepEqual(
    processesToStop(all, 12).map(({ pid }) => pid),
    [13, 30, 31],
  );
});

test('of this machine’s processes, this one and its parent are spared', () => {
  const all = readProcesses();
  assert.ok(all.some(({ pid }) => pid === process.pid));
  const doomed = new Set(processesToStop(all, process.pid).map(({ pid }) => pid));
  for (const pid of [1, process.pid, process.ppid]) assert.equal(doomed.has(pid), false);
});

test('a controlling terminal is told from none', () => {
  const withTerminal = '9 (bash) S 1 9 9 34816 9 4194304 0 0 0 0\n';
  assert.equal(parseProcessStat(withTerminal)?.hasTerminal, true);
  assert.equal(parseProcessStat('9 (cron) S 1 9 9 0 -1 4194304 0 0 0 0\n')?.hasTerminal, false);
});

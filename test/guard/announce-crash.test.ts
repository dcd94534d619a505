import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import { announceCrashes, tellHooks } from '../../src/guard/announce-crash.ts';
import { listHooks, runHook } from '../../src/machine/hooks.ts';
import type { CrashHistoryEntry } from '../../src/switch/history.ts';
import { quietWorld } from '../support/switch-world.ts';
import { buildTree } from '../support/tree-builder.ts';

const ENTRY: CrashHistoryEntry = {
  ...{ version: 1, kind: 'crash', id: '2026-11-29T003001Z-6.1', atMs: Date.UTC(2026, 10, 29, 0, 30, 1) },
  ...{ release: '6.1', summary: 'NULL pointer dereference in foo', fingerprint: 'f00' },
  ...{ outcome: 'home-by-kexec', arrivedRelease: '6.1', arrivedBootId: 'b', captureMs: 1, upMs: 2 },
};

test('who logs in after a crash reads of it, and hooks are told once', async () => {
  using tree = buildTree({ [`state/crashes/${ENTRY.id}/report.json`]: '{}' });
  const world = quietWorld(tree.root);
  assert.deepEqual(announceCrashes(world, [ENTRY]), []);
  assert.equal(
    readFileSync(join(tree.root, 'motd.d/khop'), 'utf8'),
    'khop: this machine came home from a crash of 6.1, 2026-11-29 00:30 UTC: NULL pointer dereference in foo. See khop crashes show 2026-11-29T003001Z-6.1\n',
  );
  const calls: string[][] = [];
  const hooks = {
    list: () => ['/hooks/a', '/hooks/b'],
    run: async (path: string, args: readonly string[]) => {
      calls.push([path, ...args]);
    },
  };
  const report = join(tree.root, 'state/crashes', ENTRY.id, 'report.json');
  assert.equal(await tellHooks(world, hooks), 2);
  assert.deepEqual(calls, [
    ['/hooks/a', report],
    ['/hooks/b', report],
  ]);
  assert.equal(await tellHooks(world, hooks), 0);
});

test('who logs in after khop guard test reads how the machine came home, and how long it was away', () => {
  using tree = buildTree({});
  announceCrashes(quietWorld(tree.root), [{ ...ENTRY, isAskedFor: true, awayMs: 12_400 }]);
  assert.equal(
    readFileSync(join(tree.root, 'motd.d/khop'), 'utf8'),
    'khop: this machine came home from khop guard test, 2026-11-29 00:30 UTC, by kexec, 12 s after the crash. See khop crashes show 2026-11-29T003001Z-6.1\n',
  );
});

test('without a crash nothing is written, and a disk that refuses is said', () => {
  using tree = buildTree({});
  const world = quietWorld(tree.root);
  announceCrashes(world, []);
  assert.ok(!existsSync(join(tree.root, 'motd.d')));
  const write = () => {
    throw new Error('EROFS');
  };
  const problems = announceCrashes({ ...world, files: { ...world.files, write } }, [ENTRY]);
  assert.equal(problems.length, 2);
  assert.match(problems[0]!, /motd\.d\/khop cannot be written: EROFS$/);
});

test('a hook that fails does not keep the next from being told, and one without a report gets no argument', async () => {
  using tree = buildTree({});
  const remarks: string[] = [];
  const world = quietWorld(tree.root, remarks);
  announceCrashes(world, [ENTRY]);
  const told: (readonly string[])[] = [];
  const run = async (path: string, args: readonly string[]) => {
    if (path === '/a') throw new KhopError('E_CHILD', '/a: exit code 1', { hint: 'x' });
    told.push(args);
  };
  assert.equal(await tellHooks(world, { list: () => ['/a', '/b'], run }), 2);
  assert.deepEqual([told, remarks], [[[]], ['/a: exit code 1']]);
});

test('hooks are programs that only root can change, in the order of their names', async () => {
  using tree = buildTree({
    'h/20-mail': `#!/bin/sh\necho "$1" >"$(dirname "$0")/told"\n`,
    'h/10-page.sh': '#!/bin/sh\nsleep 60\n',
    'h/30-old.dpkg-old': '#!/bin/sh\n',
    'h/40-open': '#!/bin/sh\n',
    'h/50-text': 'no program',
  });
  const folder = join(tree.root, 'h');
  for (const name of ['20-mail', '10-page.sh', '30-old.dpkg-old']) chmodSync(join(folder, name), 0o755);
  chmodSync(join(folder, '40-open'), 0o777);
  chmodSync(join(folder, '50-text'), 0o644);
  assert.deepEqual(listHooks(folder), [join(folder, '10-page.sh'), join(folder, '20-mail')]);
  assert.deepEqual(listHooks(join(tree.root, 'none')), []);
  await runHook(join(folder, '20-mail'), ['/x/report.json'], 10_000);
  assert.equal(readFileSync(join(folder, 'told'), 'utf8'), '/x/report.json\n');
  await assert.rejects(runHook(join(folder, '10-page.sh'), [], 200), { code: 'E_TIMEOUT' });
});

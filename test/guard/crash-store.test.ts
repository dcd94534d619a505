import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import { findCrash, listCrashes } from '../../src/guard/crash-store.ts';
import { NULL_DEREFERENCE_6_1, SYSRQ_6_12, writeLog } from '../support/oops-log-builder.ts';
import { CHAIN, CRASH_ID, VMCOREINFO } from '../support/raw-crashes.ts';
import { buildTree, prefix } from '../support/tree-builder.ts';

const OTHER = '2026-12-01T110000Z-6.12.117';

function stateTree() {
  return buildTree({
    ...prefix(`crashes/${CRASH_ID}`, {
      'dmesg.txt': writeLog(NULL_DEREFERENCE_6_1),
      'chain.txt': CHAIN,
      'vmcoreinfo.txt': VMCOREINFO,
    }),
    ...prefix(`crashes/${OTHER}`, { 'dmesg.txt': writeLog(SYSRQ_6_12) }),
    'crashes/.partial/dmesg.txt': 'x',
    'crashes/notes.txt': 'not a folder',
  });
}

test('crashes are listed oldest first, and what is no crash is said', () => {
  using tree = stateTree();
  const { reports, remarks } = listCrashes(tree.root);
  assert.deepEqual(
    reports.map(({ id, event }) => [id, event?.kind]),
    [
      [CRASH_ID, 'null-dereference'],
      [OTHER, 'sysrq'],
    ],
  );
  assert.deepEqual(remarks, [`${tree.root}/crashes holds 1 folder that is no crash`]);
});

test('a crash is found by its id, by a beginning that only it has, and as the last', () => {
  using tree = stateTree();
  assert.equal(findCrash(tree.root, CRASH_ID).report.id, CRASH_ID);
  assert.equal(findCrash(tree.root, '2026-12').report.id, OTHER);
  assert.equal(findCrash(tree.root, 'last').report.id, OTHER);
  for (const [asked, message] of [
    ['2026', /2 crashes begin with 2026/],
    ['2027', /no crash is called 2027/],
    ['../crashes', /no crash is called/],
    ['', /2 crashes begin with/],
  ] as const)
    assert.throws(
      () => findCrash(tree.root, asked),
      (error: unknown) =>
        error instanceof KhopError && error.code === 'E_NOT_FOUND' && message.test(error.message),
    );
});

test('without a folder there are no crashes', () => {
  using tree = buildTree({});
  assert.deepEqual(listCrashes(tree.root).reports, []);
  assert.throws(() => findCrash(tree.root, 'last'), /there are no crashes in /);
});

test('report.json is written once, made again when a step was added, and kept when the log is gone', () => {
  using tree = stateTree();
  const folder = join(tree.root, 'crashes', CRASH_ID);
  const path = join(folder, 'report.json');
  listCrashes(tree.root);
  const first = statSync(path, { bigint: true }).mtimeNs;
  listCrashes(tree.root);
  assert.equal(statSync(path, { bigint: true }).mtimeNs, first);
  writeFileSync(join(folder, 'chain.txt'), 'captured 1\nleave-kexec 2\n');
  assert.equal(findCrash(tree.root, CRASH_ID).report.outcome, 'unknown');
  assert.equal(JSON.parse(readFileSync(path, 'utf8')).outcome, 'unknown');
  for (const name of ['dmesg.txt', 'chain.txt', 'vmcoreinfo.txt']) rmSync(join(folder, name));
  assert.equal(findCrash(tree.root, CRASH_ID).report.event?.kind, 'null-dereference');
});

test('a report of a newer khop is left as it is, and a damaged one is made again; both are said', () => {
  using tree = stateTree();
  const path = join(tree.root, 'crashes', CRASH_ID, 'report.json');
  writeFileSync(path, '{"version": 9, "id": "future"}');
  const newer = findCrash(tree.root, CRASH_ID);
  assert.equal(newer.report.event?.kind, 'null-dereference');
  assert.match(newer.remarks[0]!, /version that this khop does not know/);
  assert.equal(readFileSync(path, 'utf8'), '{"version": 9, "id": "future"}');
  writeFileSync(path, '{"version": 1, "id": ');
  assert.match(findCrash(tree.root, CRASH_ID).remarks[0]!, /is not JSON/);
  assert.deepEqual(findCrash(tree.root, CRASH_ID).remarks, []);
});

test('a report that cannot be written costs the file, not the report', () => {
  using tree = stateTree();
  const path = join(tree.root, 'crashes', CRASH_ID, 'report.json');
  mkdirSync(`${path}.new`);
  const { report, remarks } = findCrash(tree.root, CRASH_ID);
  assert.equal(report.event?.kind, 'null-dereference');
  assert.match(remarks[0]!, /report\.json cannot be written: EISDIR/);
  assert.equal(existsSync(path), false);
});

test('bytes that are no text, and a folder in place of a file, give a report that says so', () => {
  using tree = buildTree({
    [`crashes/${CRASH_ID}/dmesg.txt`]: Uint8Array.of(0xff, 0xfe, 0x00, 0x0a, 0xc3),
    [`crashes/${CRASH_ID}/chain.txt/`]: '',
  });
  const { report } = findCrash(tree.root, 'last');
  assert.ok(report.gaps.includes('the log holds no panic, oops or warning'));
  assert.ok(report.gaps.includes('chain.txt cannot be read (EISDIR): what the guard did is not known'));
});

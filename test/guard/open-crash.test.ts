import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { findCrash, listCrashes } from '../../src/guard/crash-store.ts';
import { openCrash } from '../../src/guard/open-crash.ts';
import { NULL_DEREFERENCE_6_1, writeLog } from '../support/oops-log-builder.ts';
import { CHAIN, CRASH_ID, VMCOREINFO } from '../support/raw-crashes.ts';
import { buildTree, prefix } from '../support/tree-builder.ts';

const CLEAR: Readonly<Record<string, string>> = {
  'dmesg.txt.age': writeLog(NULL_DEREFERENCE_6_1),
  'vmcoreinfo.txt.age': VMCOREINFO,
};

function encryptedTree() {
  return buildTree(
    prefix(`crashes/${CRASH_ID}`, {
      'dmesg.txt.age': '-----BEGIN AGE ENCRYPTED FILE-----\n',
      'vmcoreinfo.txt.age': '-----BEGIN AGE ENCRYPTED FILE-----\n',
      'vmcore.age': 'age-encryption.org/v1\n',
      'chain.txt': CHAIN,
    }),
  );
}

const decrypt = async (path: string) => CLEAR[basename(path)] ?? assert.fail(`${path} was opened`);

test('an encrypted report is listed with what is known, and how it is opened', () => {
  using tree = encryptedTree();
  const { reports, remarks } = listCrashes(tree.root);
  assert.deepEqual(remarks, []);
  const [report] = reports;
  assert.equal(report?.summary, 'A crash whose report is encrypted');
  assert.equal(report.kernel.release, '6.1.0-50-amd64');
  assert.deepEqual(report.when, { atMs: Date.parse('2026-11-29T00:30:00Z'), source: 'name' });
  assert.equal(report.outcome, 'home-by-kexec');
  assert.equal(report.chain.length, 6);
  assert.deepEqual(report.encrypted, ['dmesg.txt.age', 'vmcoreinfo.txt.age', 'vmcore.age']);
  const place = join(tree.root, 'crashes', CRASH_ID);
  assert.match(
    report.gaps.join('\n'),
    new RegExp(`khop crashes show ${CRASH_ID} --identity KEY, or age -d -i KEY ${place}/dmesg.txt.age`),
  );
});

test('with the key there is the whole report, and nothing of it on disk', async () => {
  using tree = encryptedTree();
  const { report } = findCrash(tree.root, 'last');
  const opened = await openCrash(tree.root, report, decrypt);
  assert.equal(opened.event?.kind, 'null-dereference');
  assert.equal(opened.when?.source, 'vmcoreinfo');
  assert.deepEqual(opened.gaps, []);
  const place = join(tree.root, 'crashes', CRASH_ID);
  for (const name of readdirSync(place)) assert.doesNotMatch(readFileSync(join(place, name), 'utf8'), /NULL/);
});

test('a key for a report that is not encrypted is refused', async () => {
  using tree = buildTree(prefix(`crashes/${CRASH_ID}`, { 'dmesg.txt': 'x', 'chain.txt': CHAIN }));
  const { report } = findCrash(tree.root, 'last');
  await assert.rejects(openCrash(tree.root, report, decrypt), { code: 'E_NOT_FOUND' });
});

test('of a crash that could not be encrypted the summary says so', () => {
  using tree = buildTree(
    prefix(`crashes/${CRASH_ID}`, {
      'chain.txt': 'captured 700\nencryption-failed 900 nothing of the crash is written, age ended with: 1\n',
    }),
  );
  assert.match(findCrash(tree.root, 'last').report.summary, /could not be encrypted/);
});

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { cpioFile, encodeCpio } from '../../src/formats/cpio-writer.ts';
import { encodeRawLabel, RAW_REPORT } from '../../src/formats/raw-report.ts';
import { bringReportsIn } from '../../src/guard/bring-reports-in.ts';
import { DEFAULT_GUARD_SETTINGS, encodeGuardSettings } from '../../src/guard/guard-settings.ts';
import type { ReportTarget } from '../../src/guard/report-target.ts';
import { REPORT_NAME } from '../support/captured-reports.ts';
import { quietWorld } from '../support/switch-world.ts';
import { buildTree, type TreeFiles } from '../support/tree-builder.ts';

const RAW: ReportTarget = { kind: 'raw', partition: 'aaaaaaaa-02' };

const ENCRYPTED_NAME = '2026-11-30T003000Z-6.1.0-50-amd64';

const NOTHING = { ids: [], remarks: [], sentTo: undefined };

function treeWith(to: ReportTarget, files: TreeFiles) {
  return buildTree({ ...files, 'state/guard.json': encodeGuardSettings({ ...DEFAULT_GUARD_SETTINGS, to }) });
}

/** A partition with a report. */
function areaWith(name: string, isDamaged = false): Uint8Array {
  const files = encodeCpio([
    cpioFile('dmesg.txt', Buffer.from('<0>[    1.000000] Kernel panic\n')),
    cpioFile('../../escape', Buffer.from('x')),
  ]);
  const bytes = Buffer.alloc(1024 * 1024);
  bytes.set(encodeRawLabel(new Uint8Array(16)));
  bytes.write(RAW_REPORT.recordMagic, RAW_REPORT.record, 'latin1');
  bytes.writeBigUInt64LE(BigInt(files.length), RAW_REPORT.record + RAW_REPORT.length);
  bytes.writeUInt32LE((crc32(files) ^ (isDamaged ? 1 : 0)) >>> 0, RAW_REPORT.record + RAW_REPORT.crc);
  bytes.write(name, RAW_REPORT.record + RAW_REPORT.name, 'latin1');
  bytes.write('captured 1\nreport 2\n', RAW_REPORT.steps, 'latin1');
  bytes.set(files, RAW_REPORT.files);
  return bytes;
}

function rawTree(area: Uint8Array) {
  return treeWith(RAW, {
    'dev/disk/by-partuuid/aaaaaaaa-02': { link: '../../vda2' },
    'dev/vda2': area,
  });
}

test('nothing is asked for where reports go to the usual folder', () => {
  using tree = treeWith({ kind: 'folder' }, {});
  assert.deepEqual(bringReportsIn(quietWorld(tree.root)), NOTHING);
  using sent = treeWith({ kind: 'http', host: '192.0.2.1', port: 80, path: '/c/' }, {});
  assert.equal(bringReportsIn(quietWorld(sent.root)).sentTo, 'http://192.0.2.1/c/');
  using bare = buildTree({});
  assert.deepEqual(bringReportsIn(quietWorld(bare.root)), NOTHING);
});

test('a report in a raw area comes to the usual folder, once, and only files that belong to a report', () => {
  using tree = rawTree(areaWith(REPORT_NAME));
  const world = quietWorld(tree.root);
  assert.deepEqual(bringReportsIn(world), { ...NOTHING, ids: [REPORT_NAME] });
  const folder = `${tree.root}/state/crashes/${REPORT_NAME}`;
  assert.equal(readFileSync(`${folder}/dmesg.txt`, 'utf8'), '<0>[    1.000000] Kernel panic\n');
  assert.equal(readFileSync(`${folder}/chain.txt`, 'utf8'), 'captured 1\nreport 2\n');
  assert.ok(!existsSync(`${tree.root}/state/escape`));
  rmSync(folder, { recursive: true });
  assert.deepEqual(bringReportsIn(world), NOTHING);
  assert.ok(!existsSync(folder));
});

test('a damaged report, a strange name and a partition that is gone are said, and nothing is lost', () => {
  for (const [area, sentence] of [
    [areaWith(REPORT_NAME, true), /the report in \/dev\/vda2 is damaged: .*CRC/],
    [areaWith('../../etc'), /a name that no capture gives/],
  ] as const) {
    using tree = rawTree(area);
    assert.match(bringReportsIn(quietWorld(tree.root)).remarks.join(), sentence);
    assert.ok(Buffer.from(area).equals(readFileSync(`${tree.root}/dev/vda2`)));
    assert.ok(!existsSync(`${tree.root}/state/crashes`));
  }
  using gone = treeWith(RAW, {});
  assert.match(bringReportsIn(quietWorld(gone.root)).remarks.join(), /raw:PARTUUID=aaaaaaaa-02 is not there/);
});

const UUID = '11111111-2222-3333-4444-555555555555';
const DUMPS: ReportTarget = { kind: 'file-system', uuid: UUID, folder: '/crashes' };
const DUMPS_MOUNTED = {
  [`dev/disk/by-uuid/${UUID}`]: { link: '../../vdb' },
  'sys/dev/block/254:16': { link: '../../class/block/vdb' },
  'sys/class/block/vdb/': '',
  'proc/self/mountinfo': '30 1 254:16 / /mnt/dumps rw - ext4 /dev/vdb rw\n',
};

test('reports in another file system come in, their dumps stay', () => {
  using tree = treeWith(DUMPS, {
    ...DUMPS_MOUNTED,
    [`mnt/dumps/crashes/${REPORT_NAME}/dmesg.txt`]: 'log\n',
    [`mnt/dumps/crashes/${REPORT_NAME}/chain.txt`]: 'report 2\n',
    [`mnt/dumps/crashes/${REPORT_NAME}/vmcore`]: 'memory',
    [`mnt/dumps/crashes/${ENCRYPTED_NAME}/dmesg.txt.age`]: 'armor\n',
    [`mnt/dumps/crashes/${ENCRYPTED_NAME}/chain.txt`]: 'encrypted 1\n',
    [`mnt/dumps/crashes/${ENCRYPTED_NAME}/vmcore.age`]: 'memory',
    'mnt/dumps/crashes/other/chain.txt': 'not ours\n',
  });
  for (const ids of [[REPORT_NAME, ENCRYPTED_NAME], []]) {
    assert.deepEqual(bringReportsIn(quietWorld(tree.root)), { ...NOTHING, ids });
    const folder = `${tree.root}/state/crashes`;
    assert.equal(readFileSync(`${folder}/${REPORT_NAME}/dmesg.txt`, 'utf8'), 'log\n');
    assert.deepEqual(readdirSync(folder), [REPORT_NAME, ENCRYPTED_NAME]);
    assert.deepEqual(readdirSync(`${folder}/${ENCRYPTED_NAME}`), ['chain.txt', 'dmesg.txt.age']);
    assert.deepEqual(readdirSync(`${tree.root}/mnt/dumps/crashes/${REPORT_NAME}`), ['vmcore']);
  }
  using elsewhere = treeWith(DUMPS, {});
  assert.match(bringReportsIn(quietWorld(elsewhere.root)).remarks.join(), /is not mounted/);
});

test('a crash that came home in memory first came home then, whatever its chain elsewhere lacks', () => {
  const home = 'home 4000 kexec\n';
  const here = { [`state/crashes/${REPORT_NAME}/chain.txt`]: `captured 1\n${home}` };
  const chainIn = (root: string) => readFileSync(`${root}/state/crashes/${REPORT_NAME}/chain.txt`, 'utf8');
  using raw = treeWith(RAW, {
    ...here,
    'dev/disk/by-partuuid/aaaaaaaa-02': { link: '../../vda2' },
    'dev/vda2': areaWith(REPORT_NAME),
  });
  bringReportsIn(quietWorld(raw.root));
  assert.equal(chainIn(raw.root), `captured 1\nreport 2\n${home}`);
  for (const end of ['\n', '']) {
    const there = { [`mnt/dumps/crashes/${REPORT_NAME}/chain.txt`]: `captured 1\nreport 2${end}` };
    using tree = treeWith(DUMPS, { ...DUMPS_MOUNTED, ...here, ...there });
    bringReportsIn(quietWorld(tree.root));
    assert.equal(chainIn(tree.root), `captured 1\nreport 2\n${home}`);
  }
});

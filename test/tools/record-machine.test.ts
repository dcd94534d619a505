import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readMachine } from '../../src/machine/read-machine.ts';
import { valueOf } from '../../src/machine/reading.ts';
import { runProcess } from '../../src/machine/run-process.ts';
import { Scrubber } from '../../tools/record-machine/scrub.ts';
import { buildTree, encodeRecordedTree, readRecordedTree } from '../support/tree-builder.ts';

const scrubber = (isScrubbing: boolean): Scrubber =>
  new Scrubber({ isScrubbing, commandLine: undefined, replacements: [['myhost', 'host']] });

test('scrubbing gives every UUID one stand-in, hides hardware addresses and odd mounts', () => {
  const scrub = scrubber(true);
  const uuid = '8a3f0c2e-1b2c-4d5e-8f90-aabbccddeeff';
  const hidden = scrub.file('/proc/cmdline', `root=UUID=${uuid} ip=52:54:00:aa:bb:cc\n`);
  assert.equal(hidden, 'root=UUID=00000000-0000-4000-8000-000000000001 ip=02:00:00:00:00:00\n');
  assert.equal(
    scrub.text(`dev/disk/by-uuid/${uuid.toUpperCase()}`),
    'dev/disk/by-uuid/00000000-0000-4000-8000-000000000001',
  );
  const mounts = '1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:5 / /srv/secret rw - nfs4 myhost:/x rw\n';
  assert.equal(scrub.file('/proc/self/mountinfo', mounts), '1 0 8:1 / / rw - ext4 /dev/sda1 rw\n');
});

test('without scrubbing only what was asked for is replaced', () => {
  const text = 'UUID=8a3f0c2e-1b2c-4d5e-8f90-aabbccddeeff on myhost';
  assert.equal(scrubber(false).file('/etc/fstab', text), text.replace('myhost', 'host'));
});

test('a recording of this machine is read back as this machine', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'khop-record-'));
  try {
    const file = join(folder, 'machine.json');
    const tool = join(import.meta.dirname, '../../tools/record-machine.ts');
    await runProcess(process.execPath, [tool, file], { timeoutMs: 15_000, acceptExitCodes: [0, 1] });
    const files = readRecordedTree(file);
    using tree = buildTree(files);
    const [copy, live] = [readMachine(tree.root), readMachine('/')];
    assert.deepEqual(copy.iomem, live.iomem);
    assert.deepEqual(copy.mounts.state, live.mounts.state);
    assert.deepEqual(valueOf(copy.rootStorage), valueOf(live.rootStorage));
    assert.deepEqual(valueOf(copy.networkInterfaces), valueOf(live.networkInterfaces));
    assert.deepEqual(
      JSON.parse(encodeRecordedTree(files)),
      JSON.parse(encodeRecordedTree(readRecordedTree(file))),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

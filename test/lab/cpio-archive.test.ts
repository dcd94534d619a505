import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseCpio } from '../../src/formats/cpio.ts';
import {
  archiveFile,
  archiveFolder,
  archiveLink,
  encodeArchive,
  parentFolders,
} from '../../src/lab/cpio-archive.ts';

test('what is encoded is what the reader of initramfs images reads', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({ name: fc.stringMatching(/^[a-z]{1,40}$/), bytes: fc.uint8Array({ maxLength: 99 }) }),
      ),
      (files) => {
        const entries = [
          archiveFolder('d'),
          archiveLink('l', '/d'),
          ...files.map(({ name, bytes }) => archiveFile(`d/${name}`, bytes, 0o755)),
        ];
        const read = parseCpio(encodeArchive(entries)).entries;
        assert.deepEqual(
          read.map(({ name, mode, bytes }) => ({ path: name, mode, bytes: Buffer.from(bytes) })),
          entries.map((entry) => ({ ...entry, bytes: Buffer.from(entry.bytes) })),
        );
      },
    ),
  );
});

test('folders come before what is in them, each once', () => {
  assert.deepEqual(parentFolders(['a/b/c', 'a/d', 'e']), ['a', 'a/b']);
});

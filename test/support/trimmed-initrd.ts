/**
 * An initrd, trimmed for a machine of the lab and packed again.
 * @module
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { readInitramfs } from '../../src/formats/initramfs.ts';
import { joinBytes } from '../../src/formats/join-bytes.ts';
import type { NamedBytes } from '../../src/formats/named-bytes.ts';
import { readInitramfsNeeds } from '../../src/machine/initramfs-needs.ts';
import { readText } from '../../src/machine/source.ts';
import { type InitramfsPacking, packInitramfs } from '../../src/plan/initramfs/pack-initramfs.ts';
import { trimInitramfs } from '../../src/plan/initramfs/trim-initramfs.ts';
import { buildTree, readRecordedTree } from './tree-builder.ts';

/** For the machine that was recorded: this kind. */
export function trimmedInitrd(
  initrd: NamedBytes,
  commandLine: string,
  packing: InitramfsPacking,
): NamedBytes {
  using tree = buildTree(readRecordedTree(join(import.meta.dirname, '../fixtures/machines/q35-virtio.json')));
  const content = readInitramfs(initrd.bytes, initrd.name);
  const { entries, obstacle, dropped } = trimInitramfs(content, {
    needs: readInitramfsNeeds(tree.root),
    runningCommandLine: readText(tree.root, '/proc/cmdline'),
    commandLine,
    release: undefined,
  });
  assert.equal(obstacle, undefined);
  assert.ok(dropped.modules.length > 0);
  return {
    name: 'packed',
    path: undefined,
    bytes: joinBytes(packInitramfs(initrd, content, entries, packing)),
  };
}

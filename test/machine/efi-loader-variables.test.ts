import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readEfiLoaderVariables } from '../../src/machine/efi-loader-variables.ts';
import { buildTree } from '../support/tree-builder.ts';

const FOLDER = 'sys/firmware/efi/efivars';
const VENDOR = '4a67b082-0a4c-41cf-b6c7-440b29bb8c4f';

test('variables of the boot loader interface are UTF-16 after their attributes, with or without a NUL', () => {
  const variable = (text: string): Uint8Array =>
    Buffer.concat([Buffer.alloc(4, 6), Buffer.from(text, 'utf16le')]);
  using tree = buildTree({
    [`${FOLDER}/LoaderInfo-${VENDOR}`]: variable('systemd-boot 257.1-1\0'),
    [`${FOLDER}/LoaderEntryDefault-${VENDOR}`]: variable('arch.conf'),
  });
  const { info, entryDefault } = readEfiLoaderVariables(tree.root);
  assert.equal(info.state === 'read' && info.value, 'systemd-boot 257.1-1');
  assert.equal(entryDefault.state === 'read' && entryDefault.value, 'arch.conf');
  using bios = buildTree({ 'sys/': '' });
  assert.equal(readEfiLoaderVariables(bios.root).info.state, 'absent');
});

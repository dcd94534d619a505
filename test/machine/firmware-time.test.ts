import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFirmwareSeconds } from '../../src/machine/firmware-time.ts';
import { buildTree, type TreeFiles } from '../support/tree-builder.ts';

const FPDT = 'sys/firmware/acpi/fpdt/boot/exitbootservice_end_ns';
const LOADER = 'sys/firmware/efi/efivars/LoaderTimeExecUSec-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f';
const variable = (text: string) => Buffer.concat([Buffer.alloc(4, 6), Buffer.from(`${text}\0`, 'utf16le')]);

function secondsIn(files: TreeFiles): number | string {
  using tree = buildTree({ 'sys/': '', ...files });
  const reading = readFirmwareSeconds(tree.root);
  return reading.state === 'read' ? reading.value : reading.state;
}

test('the firmware’s table counts before the boot manager, in their units', () => {
  assert.equal(secondsIn({ [FPDT]: '92500000000\n' }), 92.5);
  assert.equal(secondsIn({ [LOADER]: variable('7250000') }), 7.25);
  assert.equal(secondsIn({ [FPDT]: '92500000000\n', [LOADER]: variable('7250000') }), 92.5);
  assert.equal(secondsIn({}), 'absent');
});

test('a firmware that left the table empty, or counts from something else, says nothing', () => {
  for (const text of ['0\n', '86400000000000\n', 'soon\n']) {
    assert.equal(secondsIn({ [FPDT]: text }), 'unreadable');
    assert.equal(secondsIn({ [FPDT]: text, [LOADER]: variable('7250000') }), 7.25);
  }
  assert.equal(secondsIn({ [LOADER]: variable('') }), 'unreadable');
});

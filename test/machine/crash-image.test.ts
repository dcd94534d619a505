import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crashImageReader } from '../../src/machine/crash-image.ts';
import { readKernelSymbol } from '../../src/machine/kernel-symbol.ts';
import type { Reading } from '../../src/machine/reading.ts';
import { outcomeOf } from '../support/hostile-bytes.ts';
import {
  encodeKernelCore,
  IMAGE_AT,
  kernelCoreTree,
  POINTER_AT,
  type ShownImage,
  symbolsWith,
} from '../support/kernel-core-tree.ts';
import { buildTree, type TreeFiles, writeTree } from '../support/tree-builder.ts';

const SEGMENTS = [{ address: 0x2100_0000n, memorySize: 8192, bytes: new Uint8Array(5000) }];

function imageOf(files: TreeFiles) {
  using tree = buildTree(files);
  return crashImageReader(tree.root)();
}

/** Why there is none. */
function reasonOf(reading: Reading<unknown>): string {
  return reading.state === 'unreadable' ? `${reading.source}: ${reading.reason}` : reading.state;
}

test('the struct of the loaded image is found by its pointer, and read as far as it does not change', () => {
  const shown = (over: ShownImage = {}) => imageOf(kernelCoreTree({ segments: SEGMENTS, ...over }));
  const first = shown();
  assert.ok(first.state === 'read');
  assert.equal(first.value.address, IMAGE_AT);
  assert.equal(first.value.bytes.length, 512);
  assert.equal(Buffer.from(first.value.bytes).readBigUInt64LE(64 + 16), 0x2100_0000n);
  assert.deepEqual(shown({ behind: 77n }), first, 'what a hotplugged CPU changes is behind it');
  assert.notDeepEqual(shown({ bufferAt: 0x7f11_0000_0000n }), first);
  assert.notDeepEqual(shown({ entry: 0x2200_0000n }), first);
});

test('what is loaded stays the same to a reader when memory comes or goes, which moves all of the file', () => {
  using tree = buildTree(kernelCoreTree({ segments: SEGMENTS }));
  const readImage = crashImageReader(tree.root);
  const first = readImage();
  assert.equal(first.state, 'read');
  for (const otherRanges of [80, 3]) {
    writeTree(tree.root, kernelCoreTree({ segments: SEGMENTS, otherRanges }));
    assert.deepEqual(readImage(), first);
  }
});

test('a symbol is found wherever the pieces of the file end, and only the kernel’s own', () => {
  const line = 'ffffffff81000000 t another_symbol_xx\n';
  const wanted = `${POINTER_AT.toString(16)} B kexec_crash_image\n`;
  const fill = line.repeat(Math.floor((64 * 1024) / line.length) - 2);
  for (let shift = 0; shift <= 3 * line.length; shift += 1) {
    const symbols = `${fill}ffffffff81000000 t ${'x'.repeat(shift)}\n${wanted}`;
    using tree = buildTree({ 'proc/kallsyms': symbols });
    const reading = readKernelSymbol(tree.root, 'kexec_crash_image');
    assert.ok(reading.state === 'read' && reading.value === POINTER_AT, `shifted by ${shift}`);
  }
  using modules = buildTree({ 'proc/kallsyms': 'ffffffffc0000000 d kexec_crash_image\t[other]\n' });
  assert.match(reasonOf(readKernelSymbol(modules.root, 'kexec_crash_image')), /does not name/);
});

test('what the kernel hides is unreadable, with the reason', () => {
  const whole = kernelCoreTree();
  const { 'proc/kcore': _core, ...noCore } = whole;
  const { 'proc/kallsyms': _symbols, ...noSymbols } = whole;
  const cases: readonly [TreeFiles, RegExp][] = [
    [noSymbols, /^absent$/],
    [noCore, /^absent$/],
    [
      { ...whole, 'proc/kallsyms': symbolsWith('0000000000000000') },
      /kallsyms: it hides addresses.*kptr_restrict/,
    ],
    [{ ...whole, 'proc/kallsyms': symbolsWith('nonsense') }, /kallsyms: its content is not understood/],
    [{ ...whole, 'proc/kallsyms': '' }, /kallsyms: it does not name kexec_crash_image/],
    [{ ...whole, 'proc/kallsyms': symbolsWith('ffffffff00000000') }, /kcore: it does not have 8 bytes/],
    [{ ...whole, 'proc/kcore': encodeKernelCore({ imageAt: 0n }) }, /kcore: kexec_crash_image leads nowhere/],
    [{ ...whole, 'proc/kcore': encodeKernelCore({ imageAt: 0xffff_8880_0000_0000n }) }, /not have 512 bytes/],
    [{ ...whole, 'proc/kcore': encodeKernelCore().subarray(0, -600) }, /kcore: it ends within 512 bytes/],
    [{ ...whole, 'proc/kallsyms': `${'x'.repeat(200_000)}\n${symbolsWith()}` }, /kallsyms: it does not name/],
    [{ ...whole, 'proc/kcore': 'no core' }, /kcore: its content is not understood/],
    [
      { ...whole, 'sys/kernel/security/lockdown': 'none integrity [confidentiality]' },
      /kcore: lockdown=confidentiality hides it/,
    ],
  ];
  for (const [files, reason] of cases) assert.match(reasonOf(imageOf(files)), reason);
});

test('memory that the kernel cannot read of itself is no image', () => {
  const bytes = encodeKernelCore();
  assert.match(
    reasonOf(imageOf({ ...kernelCoreTree(), 'proc/kcore': bytes.fill(0, bytes.length - 1024) })),
    /what kexec_crash_image leads to is empty/,
  );
});

test('a core that is cut anywhere is never more than unreadable', () => {
  const bytes = encodeKernelCore();
  for (let length = 0; length < bytes.length - 512; length += 7) {
    const outcome = outcomeOf(
      (cut) => imageOf({ ...kernelCoreTree(), 'proc/kcore': cut }),
      bytes.subarray(0, length),
    ) as Reading<unknown>;
    assert.equal(outcome.state, 'unreadable', `${length} bytes`);
  }
});

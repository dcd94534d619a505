/**
 * Kernels that were built without KASLR. Debian has none, so a kernel of Debian's loses its relocations: it runs where it
 * is linked to lie, as such a build does.
 * @module
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { parseBzImage } from '../../src/formats/bzimage.ts';
import { parseElf, SECTION_HEADER_SIZE } from '../../src/formats/elf.ts';
import { labKernel } from '../../src/lab/kernel-store.ts';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import { type BzImageOptions, buildBzImage } from '../support/bzimage-builder.ts';
import { vmlinuxOf } from '../support/packed-vmlinux.ts';
import { kernelPlace, LINKED_AT } from '../vm/kernel-place.ts';
import { COMMAND, hop, kernelWords, readHardware } from '../vm/switching.ts';

const LIMIT = { timeout: 900_000 };
const COPY_MS = 300_000;

/** Debian's 6.12 with nothing behind the end of its ELF file. There is no decompressor in it: nobody but khop can enter it. */
async function withoutRelocations(options: BzImageOptions): Promise<Uint8Array> {
  const { image: path, release } = await labKernel('6.12');
  const image = parseBzImage(await readFile(path));
  const payload = await vmlinuxOf(path);
  const { offset, count } = parseElf(payload).sectionTable;
  const end = offset + count * SECTION_HEADER_SIZE;
  assert.ok(payload.length > end + 100_000, 'there are no relocations to lose');
  const packed = gzipSync(payload.subarray(0, end), { level: 1 });
  const { initSize, prefAddress, commandLineSize } = image;
  return buildBzImage({
    ...{ payload: packed, kernelVersion: `${release} (lab@lab) #1 SMP` },
    ...{ initSize, prefAddress, commandLineSize, ...options },
  });
}

test(
  'a kernel without relocations is entered directly where it is linked, and khop says that KASLR is off',
  LIMIT,
  async () => {
    await using machine = await startSmallMachine({ kernel: '6.1', memoryMib: 1536, cpus: 2 });
    const before = await readHardware(machine);
    await machine.copyIn(await withoutRelocations({}), '/tmp/vmlinuz', 0o644, COPY_MS);
    const words = kernelWords('6.12').replace(/^\S+ \S+/, '/tmp/vmlinuz');
    const { stdout } = await machine.run(`khop switch ${words} --fast --dry-run --no-trial 2>&1`, COMMAND);
    assert.match(stdout, /^ +KASLR is off: the kernel was built without it \(no relocations\)\.$/m);
    const hello = await hop(machine, `khop switch ${words} --fast --now --no-trial --yes`);
    assert.match(hello.release, /^6\.12\./);
    const { virtual, isRandom } = await kernelPlace(machine);
    assert.deepEqual([virtual, isRandom], [LINKED_AT, false]);
    const after = await readHardware(machine);
    assert.deepEqual({ ...after, memoryKib: 0 }, { ...before, memoryKib: 0 });
  },
);

test(
  'a kernel that may not be moved in memory is not entered directly, and khop says why',
  LIMIT,
  async () => {
    await using machine = await startSmallMachine({ kernel: '6.1', memoryMib: 1536 });
    const fixed = await withoutRelocations({ isRelocatable: false });
    await machine.copyIn(fixed, '/tmp/vmlinuz', 0o644, COPY_MS);
    const words = kernelWords('6.12').replace(/^\S+ \S+/, '/tmp/vmlinuz');
    const { stdout } = await machine.exec(`khop switch ${words} --fast --dry-run --no-trial --json`, COMMAND);
    const { optimisations } = JSON.parse(stdout);
    const direct = optimisations.find(({ name }: { readonly name: string }) => name === 'direct-entry');
    assert.equal(direct.isUsed, false);
    assert.match(direct.detail, /runs only where it is linked to lie/);
  },
);

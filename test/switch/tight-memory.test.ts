import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { cpioFile, encodeCpio } from '../../src/formats/cpio-writer.ts';
import type { MachineFacts } from '../../src/machine/facts.ts';
import { listPrepared } from '../../src/prepare/prepared-store.ts';
import type { Optimisation } from '../../src/switch/fast.ts';
import { type Proposal, propose } from '../../src/switch/proposal.ts';
import { segmentOf } from '../support/load-requests.ts';
import { healthyMachine, read, unreadable } from '../support/machine-facts.ts';
import { buildBoot, type PreparedBoot } from '../support/prepared-boot.ts';
import { quietWorld } from '../support/switch-world.ts';
import { buildKernelImage } from '../support/unpacked-kernel-builder.ts';

const MIB = 1024n * 1024n;
/** Uncompressed 64 MiB, and next to nothing with any compression. */
const LARGE = encodeCpio([
  cpioFile('init', Buffer.from('#!/bin/sh\n'), 0o755),
  cpioFile('zeros', Buffer.alloc(64 * 1024 * 1024), 0o644),
]);

/** A build tree, because its configuration is beside it. */
function buildTreeBoot(config: string): PreparedBoot {
  return buildBoot({
    'tree/.config': config,
    'tree/arch/x86/boot/bzImage': buildKernelImage(),
    'boot/initrd.img': LARGE,
  });
}

function proposeOn(boot: PreparedBoot, machine: Partial<MachineFacts>): Proposal {
  const world = quietWorld(boot.root, [], { readMachine: () => healthyMachine(machine) });
  const options = { fast: true, initrd: [boot.initrd], commandLine: 'root=/dev/vda1' };
  return propose(world, join(boot.root, 'tree'), options);
}

function optimisation({ optimisations }: Proposal, name: Optimisation['name']): Optimisation {
  return optimisations!.find((each) => each.name === name)!;
}

function initrdSize({ plan }: Proposal): number {
  assert.ok(plan?.method === 'segments');
  return segmentOf(plan, 'initrd').bytes.length;
}

/** What the preflight has against the plan for want of memory. */
function troublesOf({ findings }: Proposal): string[] {
  return findings
    .filter(({ id }) => ['half-of-ram', 'available-memory', 'initramfs-space'].includes(id))
    .flatMap(({ id, severity }) => (severity === 'pass' ? [] : [`${id} ${severity}`]));
}

const UNPACKS_LZ4 = 'CONFIG_RD_LZ4=y\n';
/** Enough for the kernel, not for the initramfs unpacked. */
const TIGHT = { memoryAvailableBytes: read(80n * MIB, '/proc/meminfo') };

test('with memory enough nothing is packed: that is the fastest in total', () => {
  using boot = buildTreeBoot(UNPACKS_LZ4);
  const proposal = proposeOn(boot, {});
  assert.ok(initrdSize(proposal) > Number(64n * MIB));
  assert.match(optimisation(proposal, 'initramfs').detail, /^64\.0 MiB, ready to be copied$/);
  assert.equal(listPrepared(boot.cache).length, 1, 'nothing was packed for a machine with room');
});

test('a machine with little memory gets the initramfs packed with lz4 before any part is left out, and is told', () => {
  using boot = buildTreeBoot(UNPACKS_LZ4);
  const proposal = proposeOn(boot, TIGHT);
  assert.equal(proposal.plan?.directEntry?.isUsed, true);
  assert.ok(initrdSize(proposal) < Number(MIB));
  const { isUsed, detail } = optimisation(proposal, 'initramfs');
  assert.equal(isUsed, true);
  assert.match(
    detail,
    /^0\.\d MiB, packed with lz4, because without packing it needs \d+ MiB of memory, and 80 MiB are available$/,
  );
  assert.equal(optimisation(proposal, 'direct-entry').isUsed, true);
  const again = proposeOn(boot, TIGHT);
  assert.equal(listPrepared(boot.cache).length, 2, 'what was packed is kept');
  assert.equal(initrdSize(again), initrdSize(proposal));
});

test('a load of more than half of RAM is as good as no memory, by either call', () => {
  using boot = buildTreeBoot(UNPACKS_LZ4);
  const memoryTotalBytes = read(100n * MIB, '/proc/meminfo');
  assert.match(
    optimisation(proposeOn(boot, { memoryTotalBytes }), 'initramfs').detail,
    /packed with lz4, because without packing .*the kernel allows half of RAM/,
  );
  const locked = proposeOn(boot, { memoryTotalBytes, lockdown: read('integrity') });
  assert.equal(locked.plan?.method, 'file');
  assert.match(
    optimisation(locked, 'initramfs').detail,
    /packed with lz4, because without packing it takes 6\d MiB of memory, and the kernel allows half of 100 MiB$/,
  );
});

test('what the memory is enough for is not refused afterwards', () => {
  using boot = buildTreeBoot(UNPACKS_LZ4);
  for (const mebibytes of [120n, 80n]) {
    const proposal = proposeOn(boot, { memoryAvailableBytes: read(mebibytes * MIB, '/proc/meminfo') });
    assert.ok(optimisation(proposal, 'initramfs').isUsed);
    const troubles = troublesOf(proposal);
    assert.deepEqual(troubles, [], `${mebibytes} MiB: ${initrdSize(proposal)} bytes`);
  }
});

test('the memory that kexec_file_load takes for reading the files counts as well', () => {
  using boot = buildTreeBoot(UNPACKS_LZ4);
  const machine = {
    lockdown: read('integrity' as const),
    memoryAvailableBytes: read(140n * MIB, '/proc/meminfo'),
  };
  const proposal = proposeOn(boot, machine);
  assert.equal(proposal.plan?.method, 'file');
  assert.match(optimisation(proposal, 'initramfs').detail, /packed with lz4, because .* it needs 16\d MiB/);
  assert.deepEqual(troublesOf(proposal), []);
});

test('an initramfs that the new kernel would have little room for, packed and unpacked, is packed', () => {
  using boot = buildTreeBoot(UNPACKS_LZ4);
  const proposal = proposeOn(boot, { memoryTotalBytes: read(180n * MIB, '/proc/meminfo') });
  assert.match(
    optimisation(proposal, 'initramfs').detail,
    /packed with lz4, because without packing it takes most of 180 MiB while the new kernel starts$/,
  );
  assert.deepEqual(troublesOf(proposal), []);
});

test('what leaves little memory is better than what is not prepared', () => {
  using boot = buildTreeBoot('# CONFIG_RD_LZ4 is not set\n');
  const proposal = proposeOn(boot, { memoryTotalBytes: read(180n * MIB, '/proc/meminfo') });
  assert.equal(optimisation(proposal, 'initramfs').isUsed, true);
  assert.equal(optimisation(proposal, 'direct-entry').isUsed, true);
  assert.deepEqual(troublesOf(proposal), ['initramfs-space warning']);
});

test('no place for the initramfs in the memory map is a reason to pack it, too', () => {
  using boot = buildTreeBoot(UNPACKS_LZ4);
  const iomem = read(
    [{ name: 'System RAM', start: 0x10_0000n, end: 0x10_0000n + 60n * MIB, children: [] }],
    '/proc/iomem',
  );
  const proposal = proposeOn(boot, { iomem });
  assert.equal(proposal.plan?.directEntry?.isUsed, true);
  assert.match(
    optimisation(proposal, 'initramfs').detail,
    /packed with lz4, because without packing no place for initrd/,
  );
});

test('a kernel that might not unpack lz4 does without a prepared initramfs, and the reason names its configuration', () => {
  for (const config of ['# CONFIG_RD_LZ4 is not set\n', 'CONFIG_RD_GZIP=y\n']) {
    using boot = buildTreeBoot(config);
    const proposal = proposeOn(boot, TIGHT);
    const { isUsed, detail } = optimisation(proposal, 'initramfs');
    assert.equal(isUsed, false);
    assert.match(
      detail,
      /80 MiB are available; the configuration of .*bzImage does not say that it would unpack lz4$/,
    );
  }
});

test('where even lz4 is too much, both figures are told, and there is still a plan', () => {
  using boot = buildTreeBoot(UNPACKS_LZ4);
  // Both are prepared while there is memory for that.
  for (const before of [{}, TIGHT]) proposeOn(boot, before);
  const proposal = proposeOn(boot, { memoryAvailableBytes: read(8n * MIB, '/proc/meminfo') });
  assert.ok(proposal.plan !== undefined);
  const { isUsed, detail } = optimisation(proposal, 'initramfs');
  assert.equal(isUsed, false);
  assert.match(
    detail,
    /^it needs \d+ MiB .*; packed with lz4 it needs \d\d MiB of memory, and 8 MiB are available$/,
  );
  assert.doesNotMatch(optimisation(proposal, 'direct-entry').detail, /--without/);
});

test('memory that cannot be read is no reason to pack anything', () => {
  using boot = buildTreeBoot(UNPACKS_LZ4);
  const proposal = proposeOn(boot, { memoryAvailableBytes: unreadable('/proc/meminfo') });
  assert.equal(optimisation(proposal, 'initramfs').detail, '/proc/meminfo cannot be read');
  assert.equal(listPrepared(boot.cache).length, 1);
});

test('where a plan is to be kept, an initramfs that is too large for the place is packed', () => {
  using boot = buildTreeBoot(UNPACKS_LZ4);
  const world = quietWorld(boot.root, [], { readMachine: () => healthyMachine() });
  const options = { fast: true, initrd: [boot.initrd], commandLine: 'root=/dev/vda1', roomBytes: 8n * MIB };
  const proposal = propose(world, join(boot.root, 'tree'), options);
  assert.match(
    optimisation(proposal, 'initramfs').detail,
    /^0\.\d MiB, packed with lz4, because without packing it takes 64\.\d MiB, and there is room for 8\.0 MiB$/,
  );
});

/**
 * Debian's own arm64 kernels, planned for an arm64 machine. They are not started here.
 * @module
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { findNode, propertyText } from '../../src/formats/device-tree.ts';
import { encodeFdt, parseFdt } from '../../src/formats/fdt.ts';
import { labKernel } from '../../src/lab/kernel-store.ts';
import { planLoad } from '../../src/plan/plan-load.ts';
import { loadRequest, segmentOf, segmentPlan } from '../support/load-requests.ts';
import { healthyArm64Machine, read } from '../support/machine-facts.ts';

const TREE = encodeFdt({
  reservations: [],
  bootCpu: 0,
  root: { name: '', properties: [], children: [{ name: 'chosen', properties: [], children: [] }] },
});

const MACHINE = healthyArm64Machine({
  deviceTree: read(TREE, '/sys/firmware/fdt'),
  memoryTotalBytes: read(4n << 30n),
  iomem: read([{ name: 'System RAM', start: 1n << 30n, end: 5n << 30n, children: [] }]),
});

for (const line of ['6.1', '6.12', '7.2'] as const)
  test(`Debian's arm64 kernel ${line} is unwrapped and planned for both calls`, {
    timeout: 600_000,
  }, async () => {
    const kernel = await labKernel(line, 'cloud-arm64');
    const image = { name: kernel.image, path: kernel.image, bytes: await readFile(kernel.image) };
    const plan = segmentPlan({ image, machine: MACHINE });
    const placed = segmentOf(plan, 'kernel');
    const view = new DataView(placed.bytes.buffer, placed.bytes.byteOffset);
    assert.equal(view.getUint32(0x38, true), 0x644d5241, 'an arm64 Image lies at the base');
    const imageSize = Number(view.getBigUint64(16, true));
    assert.ok(imageSize > 16 << 20 && placed.memorySize >= imageSize && placed.memorySize < imageSize + 4096);
    const { root } = parseFdt(segmentOf(plan, 'device-tree').bytes);
    const chosen = findNode(root, '/chosen');
    assert.equal(chosen && propertyText(chosen, 'bootargs'), 'root=/dev/vda1 quiet');

    const kexec = { ...MACHINE.kexec, kexecFileLoad: read({ state: 'available' } as const) };
    const file = planLoad(loadRequest({ image, machine: { ...MACHINE, kexec }, method: 'auto' }));
    assert.equal(file.method, 'file');
  });

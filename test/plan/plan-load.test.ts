import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { encodeFdt } from '../../src/formats/fdt.ts';
import type { FileLoadPlan } from '../../src/plan/load-plan.ts';
import type { LoadRequest } from '../../src/plan/load-request.ts';
import { diffPlanJson, planToJson } from '../../src/plan/plan-json.ts';
import { planLoad } from '../../src/plan/plan-load.ts';
import { buildArm64Image } from '../support/arm64-image-builder.ts';
import { buildBzImage } from '../support/bzimage-builder.ts';
import { directPlan, directRequest, fallenBack } from '../support/direct-requests.ts';
import {
  CRASH_RANGE,
  loadRequest,
  machineWithReservation,
  segmentOf,
  segmentPlan,
} from '../support/load-requests.ts';
import { healthyArm64Machine, healthyMachine, read, unreadable } from '../support/machine-facts.ts';
import { buildPe } from '../support/pe-builder.ts';

function filePlan(over: Partial<LoadRequest> = {}): FileLoadPlan {
  const plan = planLoad(loadRequest({ method: 'auto', ...over }));
  assert.equal(plan.method, 'file');
  return plan;
}

test('a plain image goes to kexec_file_load as the file it is, so that its signature counts', () => {
  const plan = filePlan();
  assert.equal(plan.image.path, '/boot/vmlinuz');
  assert.equal(plan.initrd?.path, '/boot/initrd');
  assert.equal(plan.flags, 0);
  assert.deepEqual(plan.notes, []);
  assert.equal(filePlan({ slot: 'crash' }).flags, 2);
});

test('a packed image is unpacked, and the plan says what was taken off', () => {
  const image = { name: 'vmlinuz.gz', path: 'vmlinuz.gz', bytes: new Uint8Array(gzipSync(buildBzImage())) };
  const plan = filePlan({ image });
  assert.equal(plan.image.path, undefined);
  assert.deepEqual(new Uint8Array(plan.image.bytes), buildBzImage());
  assert.match(plan.notes.join(), /taken out of: gzip/);
  assert.equal(plan.kernel.image, 'vmlinuz.gz');
});

function uki(): LoadRequest['image'] {
  const bytes = buildPe({
    '.linux': buildBzImage(),
    '.initrd': new Uint8Array(16).fill(2),
    '.ucode': new Uint8Array(8).fill(3),
    '.cmdline': Buffer.from('root=/dev/uki'),
    '.osrel': Buffer.from('ID=test\n'),
  });
  return { name: 'a.efi', path: 'a.efi', bytes };
}

test('a UKI brings kernel, microcode, initrd and command line, in that order before one’s own initrds', () => {
  const initrds = [{ name: 'own', path: 'own', bytes: new Uint8Array(4).fill(9) }];
  const plan = filePlan({ image: uki(), initrds, commandLine: undefined });
  assert.equal(plan.commandLine, 'root=/dev/uki');
  assert.deepEqual([...(plan.initrd?.bytes ?? [])], [...Array(8).fill(3), ...Array(16).fill(2), 9, 9, 9, 9]);
  assert.match(plan.notes.join(), /taken out of: uki; its signature covers the whole/);
  assert.equal(filePlan({ image: uki(), commandLine: 'mine' }).commandLine, 'mine');
});

test('kexec_file_load takes 31 bytes less of command line than kexec_load', () => {
  const line = (length: number) => ({ commandLine: 'x'.repeat(length) });
  assert.equal(filePlan(line(2016)).commandLine.length, 2016);
  assert.throws(() => filePlan(line(2017)), { code: 'E_PLAN', message: /kexec_file_load takes 2017/ });
  assert.equal(segmentPlan(line(2047)).commandLine.length, 2047);
  assert.throws(() => segmentPlan(line(2048)), { code: 'E_PLAN', message: /the kernel takes 2048/ });
});

test('kexec_file_load can be planned where memory is hidden, segments cannot', () => {
  const machine = healthyMachine({ iomem: unreadable('/proc/iomem'), firmwareMap: unreadable() });
  assert.deepEqual(filePlan({ machine }).memoryMap, []);
  assert.throws(() => segmentPlan({ machine }), { code: 'E_UNREADABLE' });
});

test('an image of the other architecture is refused, whichever method is asked for', () => {
  const image = { name: 'Image', path: undefined, bytes: buildArm64Image() };
  for (const method of ['auto', 'file', 'segments'] as const)
    assert.throws(() => planLoad(loadRequest({ image, method })), {
      code: 'E_PLAN',
      message: /image is for arm64, and this machine is x86-64/,
    });
});

test('a kernel that needs more than half of RAM is refused before the call', () => {
  const initrds = [{ name: 'initrd', path: undefined, bytes: new Uint8Array(600 << 20) }];
  const memoryTotalBytes = { state: 'read', value: 1n << 30n, source: '/proc/meminfo' } as const;
  assert.throws(() => segmentPlan({ initrds, machine: healthyMachine({ memoryTotalBytes }) }), {
    code: 'E_PLAN',
    message: /half of RAM/,
  });
});

test('planning twice gives the same plan, and its JSON keeps every address and size', () => {
  const [one, two] = [segmentPlan(), segmentPlan()];
  assert.deepEqual(planToJson(one), planToJson(two));
  const json = JSON.parse(JSON.stringify(planToJson(one)));
  assert.equal(json.entry, `0x${one.entry.toString(16)}`);
  assert.deepEqual(
    json.segments.map((each: { name: string; address: string }) => [each.name, each.address]),
    one.segments.map((each) => [each.name, `0x${each.address.toString(16)}`]),
  );
  for (const each of json.segments) assert.equal(each.sha256 === null, each.name === 'setup-data', each.name);
});

test('a difference is named by where it is, and equal plans have none', () => {
  const before = planToJson(segmentPlan());
  assert.deepEqual(diffPlanJson(before, planToJson(segmentPlan())), []);
  const after = planToJson(segmentPlan({ commandLine: 'root=/dev/vdb1 quiet' }));
  const paths = diffPlanJson(before, after).map((each) => each.path);
  assert.ok(paths.includes('commandLine'), paths.join());
  assert.ok(paths.some((path) => /^segments\.\d+\.sha256$/.test(path)));
  assert.ok(!paths.some((path) => path.startsWith('memoryMap')));
});

test('segments are sorted and named, and each says where its bytes come from', () => {
  const plan = segmentPlan();
  const addresses = plan.segments.map((segment) => segment.address);
  assert.deepEqual(
    addresses,
    addresses.toSorted((a, b) => (a < b ? -1 : 1)),
  );
  for (const { name, source } of plan.segments) assert.ok(source !== '', name);
  assert.equal(segmentOf(plan, 'kernel').source, '/boot/vmlinuz');
});

test('a kernel that was unpacked beforehand goes by kexec_load, although the other call could load it', () => {
  const plan = directPlan({ method: 'auto' });
  assert.match(plan.reason, /entered directly/);
  assert.equal(plan.flags, 0);
  assert.equal(segmentOf(plan, 'kernel').source, '/boot/vmlinuz');
  assert.equal(directPlan({ method: 'segments' }).method, 'segments');
});

test('without an unpacked kernel nothing is said of a direct entry', () => {
  assert.equal(filePlan().directEntry, undefined);
});

test('under lockdown the image itself goes to kexec_file_load, and the plan names what closed the other way', () => {
  for (const lockdown of ['integrity', 'confidentiality'] as const) {
    const { plan, why } = fallenBack({ machine: healthyMachine({ lockdown: read(lockdown) }) });
    assert.equal(plan.method, 'file');
    assert.equal(why, `lockdown=${lockdown} forbids kexec_load`);
    assert.deepEqual(plan.notes, []);
  }
});

test('kexec_file_load is taken where it was asked for, or where the other call is missing', () => {
  const asked = fallenBack({ method: 'file' });
  assert.deepEqual([asked.plan.method, asked.why], ['file', 'kexec_file_load was asked for']);
  const kexec = { ...healthyMachine().kexec, kexecLoad: read({ state: 'missing' } as const) };
  const missing = fallenBack({ machine: healthyMachine({ kexec }) });
  assert.deepEqual([missing.plan.method, missing.why], ['file', 'the running kernel has no kexec_load']);
});

test('a gate that closes both calls is no plan, for a kernel that was unpacked beforehand either', () => {
  const { kexec } = healthyMachine();
  for (const [over, message] of [
    [{ loadDisabled: read(true) }, /kexec_load_disabled is 1/],
    [{ loadLimitReboot: read(0) }, /kexec_load_limit_reboot is used up/],
  ] as const)
    for (const method of ['auto', 'segments'] as const) {
      const machine = healthyMachine({ kexec: { ...kexec, ...over } });
      assert.throws(() => planLoad(directRequest({ machine, method })), { code: 'E_PLAN', message });
    }
});

test('a panic kernel is entered directly as well, at an address inside the reservation', () => {
  const plan = planLoad(directRequest({ slot: 'crash', machine: machineWithReservation() }));
  assert.equal(plan.method, 'segments');
  assert.equal(plan.directEntry?.isUsed, true);
  assert.equal(plan.flags, 1);
  const kernel = plan.segments.find(({ name }) => name === 'kernel')!;
  assert.ok(kernel.address >= CRASH_RANGE.start && kernel.address < CRASH_RANGE.end);
});

test('arm64 kernels are entered directly anyway, so what was unpacked is left alone', () => {
  const image = { name: 'Image', path: undefined, bytes: buildArm64Image() };
  const tree = encodeFdt({ reservations: [], bootCpu: 0, root: { name: '', properties: [], children: [] } });
  const machine = healthyArm64Machine({ deviceTree: read(tree) });
  const { why } = fallenBack({ image, machine });
  assert.equal(why, 'an arm64 kernel is entered directly by every method');
});

test('memory that is hidden leaves kexec_file_load, with the reason', () => {
  const machine = healthyMachine({ iomem: unreadable('/proc/iomem') });
  const { plan, why } = fallenBack({ machine });
  assert.equal(plan.method, 'file');
  assert.match(why, /\/proc\/iomem is needed to place segments/);
});

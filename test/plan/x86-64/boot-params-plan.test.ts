import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BootParams, decodeBootParams } from '../../../src/formats/boot-params.ts';
import { decodeE820 } from '../../../src/formats/e820.ts';
import { decodeEfiMemoryMap } from '../../../src/formats/efi-memory-map.ts';
import type { MemoryMapEntry } from '../../../src/formats/memory-map.ts';
import { decodeSetupData } from '../../../src/formats/setup-data.ts';
import type { EfiFacts, MachineFacts } from '../../../src/machine/facts.ts';
import type { SegmentsLoadPlan } from '../../../src/plan/load-plan.ts';
import { buildBzImage } from '../../support/bzimage-builder.ts';
import { segmentOf, segmentPlan } from '../../support/load-requests.ts';
import { absent, healthyEfi, healthyMachine, read, unreadable } from '../../support/machine-facts.ts';

/** The running kernel's page with these bytes in it. */
function runningParams(fields: Readonly<Record<number, readonly number[]>>) {
  const bytes = new Uint8Array(4096);
  for (const [at, values] of Object.entries(fields)) bytes.set(values, Number(at));
  return read(bytes, '/sys/kernel/boot_params/data');
}

const EL64 = [0x45, 0x4c, 0x36, 0x34];
const EFI_INFO = { 448: EL64, 452: [0x18, 0xb0, 0x5e, 0x5f], 456: [0x30], 460: [1], 468: [0xd0, 0x17] };

function efiMachine(efi: Partial<EfiFacts> = {}, over: Partial<MachineFacts> = {}): MachineFacts {
  return healthyMachine({ efi: read(healthyEfi(efi)), bootParams: runningParams(EFI_INFO), ...over });
}

function paramsOf(plan: SegmentsLoadPlan): BootParams {
  return decodeBootParams(segmentOf(plan, 'boot-params').bytes.subarray(0, 4096));
}

function nodesOf(plan: SegmentsLoadPlan) {
  const { bytes, address } = segmentOf(plan, 'setup-data');
  return decodeSetupData(bytes, address);
}

test('the image’s header is copied, the loader names itself, and KASLR is not claimed', () => {
  const image = { name: 'x', path: undefined, bytes: buildBzImage({ loadFlags: 0x03 }) };
  const params = paramsOf(segmentPlan({ image }));
  assert.equal(params.typeOfLoader, 0xd0);
  assert.equal(params.loadFlags, 0x01);
  const magic = params.setupHeader.subarray(0x202 - 0x1f1, 0x206 - 0x1f1);
  assert.equal(Buffer.from(magic).toString('latin1'), 'HdrS');
});

test('the RSDP comes from boot_params, else EFI’s ACPI 2.0, else ACPI 1.0, else the command line', () => {
  const table = (entries: [string, bigint][]) => ({ systemTable: read(new Map(entries)) });
  const both = table([
    ['ACPI', 0x1000n],
    ['ACPI20', 0x2000n],
  ]);
  const rsdp = (machine: MachineFacts) => paramsOf(segmentPlan({ machine })).acpiRsdpAddress;
  assert.equal(
    rsdp(efiMachine(both, { bootParams: runningParams({ ...EFI_INFO, 112: [0, 0x30] }) })),
    0x3000n,
  );
  assert.equal(rsdp(efiMachine(both)), 0x2000n);
  assert.equal(rsdp(efiMachine(table([['ACPI', 0x1000n]]))), 0x1000n);
  const none = table([]);
  assert.equal(rsdp(efiMachine(none, { commandLine: read('acpi_rsdp=0x7fb7e014') })), 0x7fb7e014n);
  assert.equal(rsdp(efiMachine(none, { commandLine: read('acpi_rsdp=7fb7e014') })), 0x7fb7e014n);
});

test('an EFI machine whose RSDP nobody knows is refused: the new kernel would see one CPU', () => {
  const machine = efiMachine({ systemTable: read(new Map()) });
  assert.throws(() => segmentPlan({ machine }), { code: 'E_PLAN', message: /ACPI tables cannot be found/ });
  assert.equal(paramsOf(segmentPlan()).acpiRsdpAddress, 0n, 'a BIOS machine finds it by itself');
});

test('EFI goes over as a map of 40-byte descriptors and a SETUP_EFI node', () => {
  const plan = segmentPlan({ machine: efiMachine() });
  const { efiInfo } = paramsOf(plan);
  const map = segmentOf(plan, 'efi-map');
  assert.deepEqual(efiInfo, {
    loaderSignature: 0x34364c45,
    systemTable: 0x5f5eb018n,
    memoryDescriptorSize: 40,
    memoryDescriptorVersion: 1,
    memoryMap: map.address,
    memoryMapSize: 40,
  });
  assert.equal(decodeEfiMemoryMap(map.bytes)[0]?.virtualAddress, 0xfffffffeffa00000n);
  const node = nodesOf(plan).find((each) => each.type === 'efi');
  assert.equal(node?.bytes.length, 96);
  const view = new DataView(node.bytes.buffer, node.bytes.byteOffset);
  const words = [0, 8, 16, 24].map((at) => view.getBigUint64(at, true));
  assert.deepEqual(words, [0x7fb85018n, 0x7fbeeb18n, 0x7f9ee018n, 0x7f9cf000n]);
  assert.deepEqual(plan.notes, []);
});

const lost: readonly [string, Partial<EfiFacts>, number, RegExp][] = [
  [
    'its runtime map cannot be read',
    { runtimeMap: absent('/runtime-map') },
    0x7f,
    /\/runtime-map is not there/,
  ],
  ['its vendor string cannot be read', { firmwareVendor: unreadable('/fw_vendor') }, 0x7f, /\/fw_vendor/],
  ['the new kernel cannot take it', {}, 0x6f, /XLF_EFI_KEXEC/],
];

for (const [why, efi, xloadFlags, message] of lost)
  test(`all of EFI stays behind, with a note, when ${why}`, () => {
    const image = { name: 'x', path: undefined, bytes: buildBzImage({ xloadFlags }) };
    const plan = segmentPlan({ machine: efiMachine(efi), image });
    assert.match(plan.notes.join(), message);
    assert.equal(paramsOf(plan).efiInfo.loaderSignature, 0);
    assert.equal(paramsOf(plan).efiInfo.systemTable, 0n);
    assert.ok(!nodesOf(plan).some((node) => node.type === 'efi'));
    assert.notEqual(paramsOf(plan).acpiRsdpAddress, 0n, 'ACPI does not go with it');
  });

test('entries beyond 128 go into SETUP_E820_EXT, in order', () => {
  const holes = Array.from({ length: 300 }, (_none, index): MemoryMapEntry => {
    const start = 0x1_0000_0000n + BigInt(index) * 0x10_0000n;
    return { type: index % 2 === 0 ? 'ram' : 'reserved', start, end: start + 0x10_0000n };
  });
  const machine = healthyMachine();
  assert.equal(machine.firmwareMap.state, 'read');
  const map = [...machine.firmwareMap.value, ...holes];
  const plan = segmentPlan({ machine: { ...machine, firmwareMap: read(map) } });
  const node = nodesOf(plan).find((each) => each.type === 'e820Ext');
  assert.ok(node !== undefined);
  assert.deepEqual([...paramsOf(plan).e820, ...decodeE820(node.bytes, map.length - 128)], map);
});

test('the seed has 32 bytes of the entropy, and a device tree of one’s own is SETUP_DTB', () => {
  const deviceTree = { name: 'x.dtb', path: undefined, bytes: new Uint8Array([1, 2, 3]) };
  const nodes = nodesOf(segmentPlan({ deviceTree }));
  assert.deepEqual(
    nodes.map((node) => [node.type, node.bytes.length]),
    [
      ['dtb', 3],
      ['rngSeed', 32],
    ],
  );
});

test('EDD, Secure Boot, the SEV-SNP page and the sub-architecture go over as they were', () => {
  const bootParams = runningParams({
    316: [0x00, 0xf0, 0x80],
    489: [2],
    490: [3],
    492: [3],
    572: [4],
    656: [0xaa, 0xbb],
    3328: [0x80, 1, 2],
  });
  const params = paramsOf(segmentPlan({ machine: healthyMachine({ bootParams }) }));
  assert.equal(params.ccBlobAddress, 0x80f000);
  assert.deepEqual([params.edd.entryCount, params.edd.signatureCount], [2, 3]);
  assert.deepEqual([...params.edd.signatures.subarray(0, 2)], [0xaa, 0xbb]);
  assert.deepEqual([...params.edd.entries.subarray(0, 3)], [0x80, 1, 2]);
  assert.equal(params.secureBoot, 3);
  assert.equal(params.hardwareSubarch, 4);
});

test('memory above 1 MiB is told in the old fields, too', () => {
  const params = paramsOf(segmentPlan());
  assert.equal(params.altMemK, (0x7ffdc000 - 0x100000) / 1024);
  const screen = new DataView(params.screenInfo.buffer, params.screenInfo.byteOffset);
  assert.equal(screen.getUint16(0x02, true), 0xfc00);
});

const EFI_SCREEN = { 15: [0x70], 18: [0, 4], 20: [0, 3], 24: [0, 0, 0, 0x80], 32: [0x3f, 0xa3, 9, 9] };

test('the firmware’s screen goes over without the old command line’s fields', () => {
  const machine = healthyMachine({ bootParams: runningParams(EFI_SCREEN), framebuffers: read(['EFI VGA']) });
  const plan = segmentPlan({ machine });
  const { screenInfo } = paramsOf(plan);
  assert.equal(screenInfo[0x0f], 0x70);
  assert.deepEqual([...screenInfo.subarray(0x20, 0x24)], [0, 0, 0, 0]);
  assert.deepEqual(plan.notes, []);
});

test('a screen that a native driver has taken is not handed over, and the note says whose it is', () => {
  const bootParams = runningParams(EFI_SCREEN);
  const plan = segmentPlan({ machine: healthyMachine({ bootParams, framebuffers: read(['amdgpudrmfb']) }) });
  assert.equal(paramsOf(plan).screenInfo[0x0f], 0);
  assert.match(plan.notes.join(), /amdgpudrmfb has taken the screen/);
});

test('a text screen is handed over whatever draws on it', () => {
  const bootParams = runningParams({ 15: [1] });
  const plan = segmentPlan({ machine: healthyMachine({ bootParams, framebuffers: read(['amdgpudrmfb']) }) });
  assert.equal(paramsOf(plan).screenInfo[0x0f], 1);
  assert.deepEqual(plan.notes, []);
});

const obstacles: readonly [string, number, RegExp][] = [
  ['no 64-bit entry', 0x7e, /XLF_KERNEL_64/],
  ['no way above 4 GiB', 0x7d, /XLF_CAN_BE_LOADED_ABOVE_4G/],
  ['no five-level paging', 0x5f, /XLF_5LEVEL/],
];

for (const [what, xloadFlags, message] of obstacles)
  test(`an image with ${what} is refused on a machine that needs it`, () => {
    const healthy = healthyMachine();
    const machine = { ...healthy, cpu: { ...healthy.cpu, fiveLevelPaging: read(true) } };
    const image = { name: 'x', path: undefined, bytes: buildBzImage({ xloadFlags }) };
    assert.throws(() => segmentPlan({ machine, image }), { code: 'E_PLAN', message });
  });

test('the small parts lie below the kernel, where KASLR never goes', () => {
  const plan = segmentPlan({ machine: efiMachine() });
  const kernel = segmentOf(plan, 'kernel').address;
  for (const name of ['boot-params', 'setup-data', 'efi-map', 'stub'])
    assert.ok(segmentOf(plan, name).address < kernel, name);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Finding } from '../../../src/plan/finding.ts';
import { deviceShutdown } from '../../../src/plan/preflight/device-shutdown.ts';
import type { PreflightInput } from '../../../src/plan/preflight/preflight-check.ts';
import { healthyMachine, read } from '../../support/machine-facts.ts';
import { healthyInput } from '../../support/preflight-input.ts';

/** PCI functions with these drivers. */
function withDrivers(
  drivers: readonly (string | undefined)[],
  log: readonly string[] = [],
  over: Partial<PreflightInput> = {},
): PreflightInput {
  const pciDevices = drivers.map((driver, index) => ({
    address: `0000:0${index}:00.0`,
    classCode: 0x010802,
    vendorId: 1,
    deviceId: 2,
    driver,
  }));
  const machine = healthyMachine({
    pciDevices: read(pciDevices, '/sys/bus/pci/devices'),
    kernelLog: read(log),
  });
  return healthyInput({ machine, ...over });
}

function onlyFinding(input: PreflightInput): Finding {
  const [finding, ...more] = deviceShutdown.run(input);
  assert.ok(finding !== undefined);
  assert.deepEqual(more, []);
  return finding;
}

test('devices that delay the jump are counted by driver, others are not', () => {
  const { severity, title } = onlyFinding(
    withDrivers(['nvme', 'nvme', 'virtio-pci', undefined, 'megaraid_sas', 'nvme']),
  );
  assert.equal(severity, 'note');
  assert.equal(
    title,
    '4 devices, one after the other, take their time between the last process and the jump: 3 nvme, 1 megaraid_sas.',
  );
  assert.match(onlyFinding(withDrivers(['ice'])).title, /^One device takes its time .*: 1 ice\.$/);
});

test('this machine’s own past is the estimate, where there is one', () => {
  const evidence = (over: Partial<PreflightInput>) =>
    onlyFinding(withDrivers(['hpsa'], [], over)).evidence.join('\n');
  assert.match(evidence({ usualDownMs: 12_345 }), /khop history: the whole way down usually takes 12 s here/);
  assert.match(evidence({ usualDownMs: undefined }), /khop history: no switch/);
});

test('what the kernel waits for NVMe drives at most is added up, with the drives that ask for more', () => {
  const drives = ['nvme', 'nvme', 'nvme'];
  const limit = (log: readonly string[]) => onlyFinding(withDrivers(drives, log)).evidence.at(-1);
  assert.match(limit([]) ?? '', /at most 15 s .*none asks for more than 5 s/);
  const line = (seconds: number) => `nvme nvme1: Shutdown timeout set to ${seconds} seconds`;
  assert.match(
    limit([line(10), line(10), 'nvme nvme0: 2/0/0 queues']) ?? '',
    /at most 20 s .*\(nvme1 10 s\)/,
  );
});

test('a panic kernel stops no device, so nothing is said', () => {
  assert.deepEqual(deviceShutdown.run(withDrivers(['nvme'], [], { slot: 'crash' })), []);
});

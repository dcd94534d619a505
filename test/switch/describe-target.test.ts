import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { cpioFile, encodeCpio } from '../../src/formats/cpio-writer.ts';
import { readKernelFiles } from '../../src/kernels/kernel-files.ts';
import { readInitrdFiles } from '../../src/prepare/initrd-files.ts';
import { describeTarget } from '../../src/switch/describe-target.ts';
import { loadRequest } from '../support/load-requests.ts';
import { healthyMachine, read } from '../support/machine-facts.ts';
import { healthyKernel } from '../support/preflight-input.ts';
import { buildBoot } from '../support/prepared-boot.ts';

const MIB = 2 ** 20;

/** What the preflight is told of such a command line. */
function described(commandLine: string): string {
  using boot = buildBoot();
  const kernel = { ...healthyKernel(), image: boot.image, initrds: [], problems: [] };
  const request = loadRequest({ kernel, commandLine });
  return describeTarget(kernel, readKernelFiles(kernel), request).commandLine;
}

test('the first act of a trial is none of the checks’ business: it starts what the kernel would have started', () => {
  assert.equal(described('root=/dev/vda1 rdinit=/khop/first panic=10'), 'root=/dev/vda1 panic=10');
  assert.equal(described('rdinit=/own quiet rdinit=/khop/first'), 'rdinit=/own quiet');
});

test('an initrd that there is no memory to unpack is left alone, and that is no fault of its', () => {
  using boot = buildBoot({
    'boot/initrd.img': zstdCompressSync(encodeCpio([cpioFile('init', Buffer.alloc(64 * MIB))])),
  });
  const kernel = { ...healthyKernel(), image: boot.image, initrds: [boot.initrd], problems: [] };
  const initrds = readInitrdFiles(kernel.initrds, false);
  const target = (mebibytes: number) => {
    const machine = healthyMachine({ memoryAvailableBytes: read(BigInt(mebibytes * MIB), '/proc/meminfo') });
    return describeTarget(kernel, readKernelFiles(kernel), loadRequest({ kernel, initrds, machine }));
  };
  const { initrd, isInitrdLeftAlone } = target(90);
  assert.ok(initrd.state === 'unreadable' && isInitrdLeftAlone === true);
  assert.match(initrd.reason, /^looking into it takes about 97 MiB of memory, and 90 MiB are available$/);
  assert.deepEqual([target(100).initrd.state, target(100).isInitrdLeftAlone], ['read', false]);
});

test('another program that the kernel is to start first stays, and so does every quoted argument', () => {
  for (const line of ['root=/dev/vda1 rdinit=/khop/firstborn', 'rdinit=/bin/sh a="b c" -- single', ''])
    assert.equal(described(line), line);
});

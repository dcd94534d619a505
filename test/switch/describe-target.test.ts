import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readKernelFiles } from '../../src/kernels/kernel-files.ts';
import { describeTarget } from '../../src/switch/describe-target.ts';
import { loadRequest } from '../support/load-requests.ts';
import { healthyKernel } from '../support/preflight-input.ts';
import { buildBoot } from '../support/prepared-boot.ts';

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

test('another program that the kernel is to start first stays, and so does every quoted argument', () => {
  for (const line of ['root=/dev/vda1 rdinit=/khop/firstborn', 'rdinit=/bin/sh a="b c" -- single', ''])
    assert.equal(described(line), line);
});

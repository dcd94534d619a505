import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { findKernelRelease } from '../../src/formats/linux-banner.ts';

describe('findKernelRelease', () => {
  it('reads the release out of the banner, past strings that only begin like it', () => {
    const kernel = Buffer.from(
      'code\0Linux version %s (%s)\0Linux version \0Linux version 6.12.9-arm64 (builder@host) #1 SMP\0code',
    );
    assert.equal(findKernelRelease(kernel), '6.12.9-arm64');
  });

  it('searches a view only within its bounds', () => {
    const whole = Buffer.from('Linux version 6.1.0 (a)Linux version 6.12.0 (b)');
    assert.equal(findKernelRelease(new Uint8Array(whole.subarray(3))), '6.12.0');
    assert.equal(findKernelRelease(whole.subarray(3, 30)), undefined);
  });

  it('finds none in other bytes, nor a release that could steer a terminal', () => {
    assert.equal(findKernelRelease(new Uint8Array(0)), undefined);
    assert.equal(findKernelRelease(Buffer.from('Linux version 6.1\x1b[2J (x)')), undefined);
    assert.equal(findKernelRelease(Buffer.from(`Linux version 6.${'1'.repeat(99)} (x)`)), undefined);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => findKernelRelease(bytes) === undefined),
    );
  });
});

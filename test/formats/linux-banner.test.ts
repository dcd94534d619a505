import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { findKernelRelease, findKernelVersion } from '../../src/formats/linux-banner.ts';

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

describe('findKernelVersion', () => {
  const banner = (version: string) =>
    `Linux version 6.1.0-57-arm64 (builder@host) (gcc-12 (Debian 12.2.0) 12.2.0, GNU ld (Binutils) 2.40) ${version}`;

  it('reads what follows builder and compiler, past the banner of the first link, which has no number', () => {
    const version = '#1 SMP Debian 6.1.192-3 (2026-11-26)';
    const kernel = `code\0${banner('# SMP Debian 6.1.192-3 (2026-11-26)\n')}\0more\0${banner(`${version}\n`)}\0`;
    assert.equal(findKernelVersion(Buffer.from(kernel)), version);
  });

  it('finds none that is cut short, that is no version, or that could steer a terminal', () => {
    for (const text of ['#1 SMP', 'SMP\n', '#1 \x1b[2J\n', '# SMP\n'])
      assert.equal(findKernelVersion(Buffer.from(banner(text))), undefined, text);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => findKernelVersion(bytes) === undefined),
    );
  });
});

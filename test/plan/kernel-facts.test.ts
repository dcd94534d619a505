import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { cpioFile, encodeCpio } from '../../src/formats/cpio-writer.ts';
import { valueOf } from '../../src/machine/reading.ts';
import { describeInitrds, describeKernel } from '../../src/plan/kernel-facts.ts';
import { buildCertificateTable, buildSignature } from '../support/authenticode-builder.ts';
import { buildElf } from '../support/elf-writer.ts';
import { buildPe } from '../support/pe-builder.ts';
import { bytesReleasedBy } from '../support/released-bytes.ts';

const AROUND = {
  config: undefined,
  modules: { state: 'absent', source: 'no modules' },
  release: 'from the file name',
  imaMark: { state: 'absent', source: 'security.ima of /boot/k' },
} as const;

const view = (bytes: Uint8Array) => describeKernel({ name: '/boot/k', path: '/boot/k', bytes }, AROUND);

describe('describeKernel', () => {
  const code = new Uint8Array(Buffer.from('Linux version 6.12.1-elf (a) \0'));

  it('measures a vmlinux by the span of its segments, and reads its release from the banner', () => {
    const reading = view(
      buildElf({
        segments: [
          { physicalAddress: 0x100_0000n, bytes: code },
          { physicalAddress: 0x200_0000n, memorySize: 0x1000n, bytes: new Uint8Array(4) },
        ],
      }),
    );
    assert.ok(reading.state === 'read');
    const { kind, architecture, memoryBytes, release } = reading.value;
    assert.deepEqual(
      [kind, architecture, memoryBytes, release],
      ['vmlinux', 'x86-64', 0x100_1000, '6.12.1-elf'],
    );
  });

  it('takes no ELF file for a kernel that has nothing to load, or is for another processor', () => {
    for (const bytes of [buildElf({}), buildElf({ machine: 243, segments: [{ bytes: code }] })]) {
      const reading = view(bytes);
      assert.ok(reading.state === 'unreadable');
      assert.match(reading.reason, /an ELF file for machine/);
    }
  });

  it('does not call an arm64 image signed that was changed after it was signed', () => {
    const signers = [{ subject: 'Signer', issuer: 'CA' }];
    const certificates = buildCertificateTable([buildSignature({ signers, digest: new Uint8Array(32) })]);
    const image = buildPe({ '.text': code }, { certificates });
    // Both headers share the first 64 bytes, as in real images.
    const header = new DataView(image.buffer);
    header.setBigUint64(16, 0x10_0000n, true);
    header.setUint32(0x38, 0x644d5241, true);
    const reading = view(image);
    assert.ok(reading.state === 'read');
    const { signers: found } = reading.value;
    assert.ok(found.state === 'unreadable');
    assert.match(found.reason, /not what was signed/);
  });
});

describe('describeInitrds', () => {
  it('keeps nothing of what it has unpacked in memory: what comes next is a load', () => {
    const content = Buffer.alloc(32 * 1024 * 1024, randomBytes(2 ** 20));
    const bytes = zstdCompressSync(encodeCpio([cpioFile('init', content, 0o755)]));
    const released = bytesReleasedBy(() => {
      const reading = describeInitrds({ name: 'initrd', path: undefined, bytes });
      assert.equal(valueOf(reading)?.unpackedBytes, content.length);
    });
    assert.ok(released >= content.length, `${released} bytes`);
  });
});

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { describeKernel } from '../../src/plan/kernel-facts.ts';
import { buildCertificateTable, buildSignature } from '../support/authenticode-builder.ts';
import { buildElf } from '../support/elf-writer.ts';
import { buildPe } from '../support/pe-builder.ts';

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

/** In a process of its own: what other tests leave to the garbage collector would count. Packed to a thirtieth, as no other. */
const UNPACK = `
  import { randomBytes } from 'node:crypto';
  import { zstdCompressSync } from 'node:zlib';
  const { cpioFile, encodeCpio } = await import(process.argv[1] + '/formats/cpio-writer.ts');
  const { describeInitrds } = await import(process.argv[1] + '/plan/kernel-facts.ts');
  const content = Buffer.alloc(Number(process.argv[2]), randomBytes(2 ** 20));
  const bytes = zstdCompressSync(encodeCpio([cpioFile('init', content, 0o755)]));
  const before = process.memoryUsage().arrayBuffers;
  const reading = describeInitrds({ name: 'initrd', path: undefined, bytes });
  const kept = process.memoryUsage().arrayBuffers - before;
  console.log(JSON.stringify({ unpacked: reading.value.unpackedBytes, kept }));`;

describe('describeInitrds', () => {
  it('keeps nothing of what it has unpacked in memory: what comes next is a load', () => {
    const size = 32 * 1024 * 1024;
    const source = join(import.meta.dirname, '../../src');
    const script = ['--input-type=module', '-e', UNPACK, source, String(size)];
    const { stdout } = spawnSync(process.execPath, script, { encoding: 'utf8', timeout: 60_000 });
    const { unpacked, kept } = JSON.parse(stdout) as { unpacked: number; kept: number };
    assert.equal(unpacked, size);
    assert.ok(kept < size / 4, `${kept} bytes`);
  });
});

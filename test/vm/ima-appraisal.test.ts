/**
 * A kernel that appraises what it is to load, and files with each kind of mark for it.
 * @module
 */
import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeExt4Image } from '../../src/lab/ext4-image.ts';
import { labKernel } from '../../src/lab/kernel-store.ts';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import { runProcess } from '../../src/machine/run-process.ts';
import { buildImaSignature } from '../support/ima-signature-builder.ts';
import { COMMAND } from './switching.ts';

const LIMIT = { timeout: 600_000 };

const MARKS: Readonly<Record<string, Uint8Array>> = {
  signed: buildImaSignature({ keyId: 0x1a2b3c4d, signature: new Uint8Array(256) }),
  digest: Uint8Array.from([4, 4, ...new Uint8Array(32)]),
};

/** A disk with the same kernel under the names of `MARKS`, each with that mark, and as `plain` without. */
async function withMarkedKernels(work: (disk: string) => Promise<void>): Promise<void> {
  const { image } = await labKernel('6.12');
  const folder = await mkdtemp(join(tmpdir(), 'khop-ima-disk-'));
  try {
    const tree = join(folder, 'tree');
    await mkdir(tree);
    for (const name of ['plain', ...Object.keys(MARKS)]) await copyFile(image, join(tree, name));
    const disk = join(folder, 'kernels.img');
    await writeExt4Image(tree, disk, { label: 'kernels', spareMib: 16 });
    for (const [name, bytes] of Object.entries(MARKS)) {
      const value = join(folder, name);
      await writeFile(value, bytes);
      // Setting security.ima on a mounted file needs privileges; writing it into an image does not.
      await runProcess('debugfs', ['-w', '-R', `ea_set -f ${value} /${name} security.ima`, disk], {
        timeoutMs: 30_000,
        env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
      });
    }
    await work(disk);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test('khop foretells what a kernel that appraises says of each mark, and of kexec_load', LIMIT, async () => {
  await withMarkedKernels(async (disk) => {
    await using machine = await startSmallMachine({
      kernel: '6.1',
      // The policy appraises modules too, unless the kernel itself takes none without its signature.
      kernelArguments: 'ima_policy=secure_boot module.sig_enforce=1',
      disks: [{ serial: 'kernels', path: disk, access: 'read-only' }],
    });
    await machine.run('mkdir -p /kernels && mount-tool kernels /kernels', COMMAND);
    const load = (file: string, options = '') =>
      machine.exec(`khop load ${file} --reuse-cmdline ${options}`, COMMAND);
    for (const [file, says] of [
      ['/kernels/plain', /REFUSE ima-appraisal: .*this file has no signature of IMA/],
      ['/kernels/digest', /REFUSE ima-appraisal: .*is no signature/],
    ] as const) {
      const refused = await load(file);
      assert.equal(refused.status, 3, refused.stderr);
      assert.match(refused.stderr, says);
      const insisted = await load(file, '--accept ima-appraisal');
      assert.equal(insisted.status, 1);
      assert.match(insisted.stderr, /kexec_file_load\(.*\) = -1 EACCES/);
    }
    // Nobody's key made it, which only the kernel can find out.
    const signed = await load('/kernels/signed');
    assert.doesNotMatch(signed.stderr, /ima-appraisal/);
    assert.match(signed.stderr, /kexec_file_load\(.*\) = -1 EACCES/);
    const segments = await load('/kernels/signed', '--method segments');
    assert.equal(segments.status, 3);
    assert.match(segments.stderr, /REFUSE ima-appraisal: .*kexec_load cannot give it/);
  });
});

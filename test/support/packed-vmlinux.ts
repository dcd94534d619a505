/**
 * A kernel without its decompressor, which only kexec_load takes.
 * @module
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { bzImagePayload, parseBzImage } from '../../src/formats/bzimage.ts';
import { decompress } from '../../src/formats/compression.ts';
import { type KernelLine, labKernel } from '../../src/lab/kernel-store.ts';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import { COMMAND, hop, kernelWords, readHardware } from '../vm/switching.ts';

const LIMIT = { timeout: 600_000 };

/** The vmlinux inside a distribution's bzImage. */
export async function vmlinuxOf(path: string): Promise<Uint8Array> {
  const payload = bzImagePayload(parseBzImage(await readFile(path)));
  return decompress(payload.compressed, { name: path, maxOutputBytes: payload.uncompressedSize });
}

/** Switches from 6.1 to the vmlinux of a kernel line, packed by gzip. */
export function testPackedVmlinux(line: KernelLine, firmware: 'seabios' | 'ovmf'): void {
  test(`khop enters a packed vmlinux of ${line} directly under ${firmware}`, LIMIT, async () => {
    await using machine = await startSmallMachine({ kernel: '6.1', firmware, cpus: 2 });
    const before = await readHardware(machine);
    const vmlinux = gzipSync(await vmlinuxOf((await labKernel(line)).image), { level: 1 });
    await machine.copyIn(vmlinux, '/tmp/vmlinux.gz');
    const words = kernelWords(line).replace(/^\S+ \S+/, '/tmp/vmlinux.gz');
    const plan = JSON.parse((await machine.run(`khop plan ${words} --json`, COMMAND)).stdout);
    assert.match(JSON.stringify(plan), /kexec_load is the only way: kexec_file_load takes no vmlinux/);
    const hello = await hop(machine, `khop switch ${words} --now --no-trial --yes`);
    assert.ok(hello.release.startsWith(`${line}.`), `${hello.release} is not ${line}`);
    const after = await readHardware(machine);
    assert.deepEqual(
      { cpus: after.cpus, efiVariables: after.efiVariables, acpiTables: after.acpiTables },
      { cpus: before.cpus, efiVariables: before.efiVariables, acpiTables: before.acpiTables },
    );
  });
}

/**
 * What only kexec_load can do: a kernel without its decompressor, and a panic kernel that khop placed itself.
 * @module
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { bzImagePayload, parseBzImage } from '../../src/formats/bzimage.ts';
import { decompress } from '../../src/formats/compression.ts';
import { parseElf, SEGMENT_TYPES } from '../../src/formats/elf.ts';
import { readElfNotes } from '../../src/formats/elf-notes.ts';
import { labKernel } from '../../src/lab/kernel-store.ts';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import { COMMAND, hop, kernelWords, readHardware } from './switching.ts';

const LIMIT = { timeout: 600_000 };

/** The vmlinux inside a distribution's bzImage. */
async function vmlinuxOf(path: string): Promise<Uint8Array> {
  const payload = bzImagePayload(parseBzImage(await readFile(path)));
  return decompress(payload.compressed, { name: path, maxOutputBytes: payload.uncompressedSize });
}

for (const firmware of ['seabios', 'ovmf'] as const)
  for (const line of ['6.1', '6.12', '7.2'] as const)
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

for (const firmware of ['seabios', 'ovmf'] as const)
  test(
    `a panic kernel that khop placed finds the memory of the kernel that crashed, under ${firmware}`,
    LIMIT,
    async () => {
      await using machine = await startSmallMachine({
        kernel: '6.1',
        firmware,
        cpus: 2,
        kernelArguments: 'crashkernel=256M',
      });
      const { memoryKib } = await readHardware(machine);
      const release = (await machine.run('uname -r', COMMAND)).stdout.trim();
      await machine.run(
        `khop load ${kernelWords('6.1')} --panic --method segments --append "nr_cpus=1 reset_devices after=panic"`,
        COMMAND,
      );
      assert.equal((await machine.run('cat /sys/kernel/kexec_crash_loaded', COMMAND)).stdout.trim(), '1');
      await hop(machine, 'echo c >/proc/sysrq-trigger');
      assert.match(
        (await machine.run('cat /proc/cmdline', COMMAND)).stdout,
        /after=panic .*elfcorehdr=0x[0-9a-f]+/,
      );
      const size = Number((await machine.run('stat -c %s /proc/vmcore', COMMAND)).stdout);
      // All RAM but the reservation; the kernel's image is named twice, by its place and by its own addresses.
      const surplusKib = size / 1024 - memoryKib;
      assert.ok(
        surplusKib > 0 && surplusKib < 160 * 1024,
        `the dump has ${surplusKib} KiB more than MemTotal`,
      );
      await machine.run('head -c 65536 /proc/vmcore >/tmp/head', COMMAND);
      const head = (await machine.copyOut('/tmp/head')).bytes;
      const note = parseElf(head).programHeaders.find((each) => each.type === SEGMENT_TYPES.note);
      assert.ok(note !== undefined);
      const start = Number(note.offset);
      const notes = readElfNotes(head.subarray(start, start + Number(note.fileSize)));
      const names = notes.map((each) => each.name);
      assert.deepEqual(names.filter((name) => name === 'CORE').length, 2, names.join());
      const info = notes.find((each) => each.name === 'VMCOREINFO');
      assert.ok(
        Buffer.from(info?.description ?? [])
          .toString('latin1')
          .startsWith(`OSRELEASE=${release}\n`),
      );
    },
  );

/**
 * What only kexec_load can do: a kernel without its decompressor, and a panic kernel that khop placed itself.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseElf, SEGMENT_TYPES } from '../../src/formats/elf.ts';
import { readElfNotes } from '../../src/formats/elf-notes.ts';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import { testPackedVmlinux } from '../support/packed-vmlinux.ts';
import { COMMAND, hop, kernelWords, readHardware } from './switching.ts';

const LIMIT = { timeout: 600_000 };

for (const line of ['6.1', '6.12', '7.2'] as const) testPackedVmlinux(line, 'seabios');
// The others: test/chaos/ovmf-switches.test.ts.
testPackedVmlinux('7.2', 'ovmf');

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

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { parseResourceUse } from '../../tools/bench/resource-use.ts';
import { COMMAND } from './switching.ts';

const LIMIT = { timeout: 600_000 };
const PREPARE = { timeoutMs: 400_000 };

/** Larger than an unpacked kernel, and no compressor makes it smaller. */
const NOISE_MIB = 96;
const MAKE_INITRAMFS = `mkdir /made && cd /made && cp /bin/busybox init
head -c ${NOISE_MIB * 2 ** 20} /dev/urandom >noise && find . | cpio -o -H newc >/initrd && rm -r /made && stat -c %s /initrd`;
const LARGEST_FILES = 1.3;

/** Runs `command`, which has to succeed. @returns its output, and the largest resident memory in KiB */
async function measure(
  machine: VirtualMachine,
  command: string,
): Promise<{ readonly stdout: string; readonly peakKib: number }> {
  const { stdout } = await machine.run(`busybox time -v -o /used ${command}`, COMMAND);
  const { peakKib } = parseResourceUse((await machine.run('cat /used', COMMAND)).stdout);
  return { stdout, peakKib };
}

/** The kernel is unpacked beforehand, which takes more, and does not grow with the initramfs. */
async function measureFast(machine: VirtualMachine, kernel: string, load: string) {
  await machine.run(`khop prepare ${kernel}`, PREPARE);
  return await measure(machine, load);
}

test('what a load has in memory at once is bounded by the largest file', LIMIT, async () => {
  await using machine = await startSmallMachine({ kernel: '6.1', memoryMib: 1536 });
  const made = await machine.run(MAKE_INITRAMFS, COMMAND);
  const initramfsKib = Number(made.stdout) / 1024;
  assert.ok(initramfsKib > NOISE_MIB * 1024);
  const kernel = '$(ls /boot/vmlinuz-6.12.*) --initrd /initrd';
  const load = `khop load ${kernel} --command-line console=ttyS0 --json`;
  const used = {
    file: await measure(machine, `${load} --method file`),
    segments: await measure(machine, `${load} --method segments`),
    fast: await measureFast(machine, kernel, `${load} --fast`),
  };
  assert.match(used.file.stdout, /"method": "file"/);
  assert.match(used.segments.stdout, /"method": "segments"/);
  assert.match(used.fast.stdout, /"name": "direct-entry",\s+"isUsed": true/);
  assert.equal((await machine.run('cat /sys/kernel/kexec_loaded', COMMAND)).stdout, '1\n');
  const peaks = Object.entries(used).map(([name, { peakKib }]) => [name, peakKib / initramfsKib] as const);
  assert.ok(
    peaks.every(([, files]) => files < LARGEST_FILES),
    JSON.stringify(peaks),
  );
});

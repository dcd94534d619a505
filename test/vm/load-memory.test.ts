import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import { parseResourceUse } from '../../tools/bench/resource-use.ts';
import { COMMAND } from './switching.ts';

const LIMIT = { timeout: 600_000 };
const PREPARE = { timeoutMs: 400_000 };

/** Larger than an unpacked kernel, and no compressor makes it smaller. */
const NOISE_MIB = 96;
const MAKE_INITRAMFS = `mkdir /made && cd /made && cp /bin/busybox init
head -c ${NOISE_MIB * 2 ** 20} /dev/urandom >noise && find . | cpio -o -H newc >/initrd && rm -r /made && stat -c %s /initrd`;
const LARGEST_FILES = 1.3;

test('what a fast load has in memory at once is bounded by its largest file', LIMIT, async () => {
  await using machine = await startSmallMachine({ kernel: '6.1', memoryMib: 1536 });
  const made = await machine.run(MAKE_INITRAMFS, COMMAND);
  const initramfsKib = Number(made.stdout) / 1024;
  assert.ok(initramfsKib > NOISE_MIB * 1024);
  const kernel = '$(ls /boot/vmlinuz-6.12.*) --initrd /initrd';
  await machine.run(`khop prepare ${kernel}`, PREPARE);
  const command = `khop load ${kernel} --command-line console=ttyS0 --fast --json`;
  const load = await machine.run(
    `busybox time -v -o /used ${command} && cat /sys/kernel/kexec_loaded`,
    COMMAND,
  );
  assert.match(load.stdout, /\n1\n$/);
  assert.match(load.stdout, /"name": "direct-entry",\s+"isUsed": true/);
  const { peakKib } = parseResourceUse((await machine.run('cat /used', COMMAND)).stdout);
  assert.ok(peakKib < LARGEST_FILES * initramfsKib, `${peakKib} KiB of ${initramfsKib}`);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import { COMMAND, kernelWords } from './switching.ts';

const LIMIT = { timeout: 600_000 };

for (const [mode, lines] of [
  ['integrity', ['6.1', '6.12', '7.2']],
  ['confidentiality', ['6.12']],
] as const)
  test(
    `with lockdown=${mode} khop foretells for each kernel and method what the kernel then answers`,
    LIMIT,
    async () => {
      await using machine = await startSmallMachine({ kernel: '6.1', kernelArguments: `lockdown=${mode}` });
      const isLoaded = async () =>
        (await machine.run('cat /sys/kernel/kexec_loaded', COMMAND)).stdout.trim() === '1';
      for (const line of lines) {
        const segments = await machine.exec(`khop load ${kernelWords(line)} --method segments`, COMMAND);
        assert.equal(segments.status, 3);
        assert.match(segments.stderr, new RegExp(`lockdown=${mode} forbids kexec_load`));
        // Debian's kernels do not hold the key that signs them; a machine with Secure Boot gets it from the firmware.
        const file = await machine.exec(`khop load ${kernelWords(line)}`, COMMAND);
        assert.equal(file.status, 3);
        assert.match(file.stderr, /REFUSE image-signature: .*no keyring .* holds Debian Secure Boot CA/);
        const insisted = await machine.exec(
          `khop load ${kernelWords(line)} --accept image-signature`,
          COMMAND,
        );
        assert.equal(insisted.status, 1);
        assert.match(insisted.stderr, /kexec_file_load\(.*\) = -1 EPERM/);
        assert.match(
          insisted.stderr,
          /the kernel says: Lockdown: khop: kexec of unsigned images is restricted/,
        );
        assert.equal(await isLoaded(), false);
      }
      // The kernel tells of ten attempts in five seconds at most: only those that were asked for are made.
      const told = await machine.run('dmesg | grep -c "Lockdown: khop: .* is restricted"', COMMAND);
      assert.equal(told.stdout.trim(), String(lines.length));
      const unload = await machine.exec('khop unload', COMMAND);
      assert.equal(unload.status, 0, unload.stderr);
    },
  );

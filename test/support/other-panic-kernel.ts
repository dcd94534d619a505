/**
 * Whose the panic kernel is that is loaded, as kernels show it: the guard's own, or one that kexec-tools has put in
 * its place, often with its record in the same memory.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startSmallMachine } from '../../src/lab/small-machine.ts';

const LIMIT = { timeout: 900_000 };
const COMMAND = { timeoutMs: 300_000 };
const OTHER = '$(ls /boot/vmlinuz-6.1.*) --initrd=$(ls /boot/initrd.img-6.1.*) --append=nr_cpus=1';

/** A kernel whose own way of loading the guard's panic kernel is `call`, and what kexec-tools is called with then. */
export interface OtherLoad {
  readonly kernel: '6.1' | '6.12' | '7.2';
  readonly flavour: 'amd64' | 'arm64';
  readonly call: 'file' | 'segments';
  readonly loads: readonly string[];
}

/** Makes a test of it. */
export function testOtherPanicKernel({ kernel, flavour, call, loads }: OtherLoad): void {
  test(
    `under ${kernel} of ${flavour} a panic kernel that kexec-tools loads by hand is not taken for the guard’s, loaded by ${call}`,
    LIMIT,
    async () => {
      await using machine = await startSmallMachine({
        ...{ kernel, flavour, cpus: 2, isCold: true },
        kernelArguments: `crashkernel=256M${call === 'file' ? ' mem_encrypt=off' : ''}`,
      });
      const say = async (script: string) => (await machine.run(script, COMMAND)).stdout;
      const status = async () => {
        const { stdout, status: exit } = await machine.exec('khop guard status --json', COMMAND);
        const { state, problems, unproven, record } = JSON.parse(stdout);
        assert.equal(exit, state === 'armed' ? 0 : 3);
        return { state, problems, unproven, digest: record.imageDigest };
      };
      const armed = async () => {
        const { digest, ...others } = await status();
        assert.deepEqual(others, { state: 'armed', problems: [], unproven: null });
        return digest;
      };
      await say('touch /lib/modules/$(uname -r)/modules.builtin; mkdir -p /var/lib/khop');
      // Where no way home is to be kept and the decompressor has work to do, the kernel places the guard's parts.
      await say(call === 'file' ? 'echo none >/root/none; khop guard on --home /root/none' : 'khop guard on');
      const digest = await armed();
      assert.match(digest, /^[0-9a-f]{64}$/);
      const { method } = JSON.parse(await say('cat /run/khop/loaded-crash.json'));
      assert.equal(method, call);
      // Since 6.6 the kernel writes the elfcorehdr of an image anew, and a note of it beside the segments.
      await say(
        'cd /sys/devices/system/cpu/cpu1; echo 0 >online; echo 1 >online; echo 3 >/proc/sys/vm/drop_caches',
      );
      assert.equal(await armed(), digest);

      for (const how of loads) {
        await say(`kexec-tools ${how} ${OTHER}`);
        assert.equal((await say('cat /sys/kernel/kexec_crash_loaded')).trim(), '1');
        const { state, problems } = await status();
        assert.deepEqual(
          [state, problems],
          ['not-armed', ['another panic kernel was loaded after the guard was armed']],
        );
        // What khop-guard.service runs.
        assert.match(await say('khop guard rearm'), /^Armed again, because another panic kernel was loaded/);
        await armed();
        assert.match(await say('khop guard rearm'), /nothing to do/);
      }

      await say('echo 2 >/proc/sys/kernel/kptr_restrict');
      assert.match((await status()).problems.join(), /cannot be seen any more: .*kptr_restrict/);
      assert.match(await say('khop guard rearm'), /^Armed again, [^]*not proven .*kptr_restrict/);
      const hidden = await status();
      assert.deepEqual([hidden.state, hidden.digest], ['armed', null]);
      assert.match(hidden.unproven, /kptr_restrict/);
      assert.match(await say('khop guard rearm'), /nothing to do/);
    },
  );
}

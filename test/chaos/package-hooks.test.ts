import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startFullMachine, waitForSystem } from '../../src/lab/full-machine.ts';
import { INSTALLED, installPackage } from '../vm/built-package.ts';
import { COMMAND, hop } from '../vm/switching.ts';

const LIMIT = { timeout: 900_000 };
/** dpkg with grub-mkconfig, or mkinitramfs, in an emulated machine. */
const PACKAGE = { timeoutMs: 240_000 };
/** All modules and the highest compression take an emulated machine minutes; nobody starts from this one. */
const QUICK_INITRAMFS =
  "printf 'MODULES=list\\nCOMPRESS=zstd\\nCOMPRESSLEVEL=1\\n' >/etc/initramfs-tools/conf.d/quick";

interface Entry {
  readonly folder: string;
  readonly release: string;
  readonly isFresh: boolean;
}

test(
  'hooks of the package keep what is prepared as the kernels are, and never fail a package',
  LIMIT,
  async (t) => {
    await using machine = await startFullMachine();
    await installPackage(machine);
    const run = async (command: string): Promise<string> =>
      (await machine.run(`${INSTALLED} ${command}`, COMMAND)).stdout;
    const prepared = async (): Promise<readonly Entry[]> =>
      JSON.parse(await run('khop prepare --list --json')).entries;
    const first = (await run('uname -r')).trim();
    const second = (await run('ls /lib/modules')).split('\n').find((name) => name.startsWith('6.12.'))!;
    assert.deepEqual(await prepared(), []);

    await t.test('a hook that fails says so, and the kernel package is configured all the same', async () => {
      await run('sh -c "rm -rf /var/cache/khop && touch /var/cache/khop"');
      // INITRD=No spares the package's own mkinitramfs.
      const { stdout, stderr } = await machine.run(
        `${INSTALLED} INITRD=No DEBIAN_FRONTEND=noninteractive dpkg-reconfigure linux-image-${first}`,
        PACKAGE,
      );
      assert.ok(`${stdout}${stderr}`.includes(`khop: ${first} was not prepared`), stdout + stderr);
      assert.match(
        await run(`dpkg-query --show --showformat='\${Status}' linux-image-${first}`),
        /ok installed$/,
      );
      await run('rm /var/cache/khop');
    });

    await t.test('a new initramfs leaves a fresh entry for its kernel, and none of the old one', async () => {
      await machine.run(QUICK_INITRAMFS, COMMAND);
      await machine.run(`${INSTALLED} /etc/initramfs/post-update.d/khop ${first}`, PACKAGE);
      const [before] = await prepared();
      assert.deepEqual([before?.release, before?.isFresh], [first, true]);
      await machine.run(`${INSTALLED} update-initramfs -u -k ${first}`, PACKAGE);
      await machine.run(`${INSTALLED} /etc/initramfs/post-update.d/khop ${second}`, PACKAGE);
      const after = await prepared();
      assert.deepEqual(
        after.map(({ release, isFresh }) => [release, isFresh]),
        [
          [first, true],
          [second, true],
        ],
      );
      assert.notEqual(after[0]?.folder, before?.folder);
    });

    await t.test(
      'a fast switch takes it, and the way up to the chosen service is in the history',
      async () => {
        await run("sh -c 'echo service = ssh >>/etc/khop/khop.conf'");
        const hello = await hop(
          machine,
          `${INSTALLED} khop switch ${second} --fast --no-trial --yes 2>/root/remarks`,
        );
        assert.equal(hello.release, second);
        assert.doesNotMatch(await run('cat /root/remarks'), /not prepared yet/);
        await waitForSystem(machine);
        // It may still be at work; to start what runs is to wait for it.
        await run('systemctl start --wait khop-measure.service');
        const { entries } = JSON.parse(await run('khop history --json'));
        const [arrival, ...more] = entries.filter(({ kind }: { kind: string }) => kind === 'arrival');
        assert.deepEqual(more, []);
        assert.equal(arrival.id, entries.find(({ kind }: { kind: string }) => kind === 'switch').id);
        assert.equal(arrival.service.name, 'ssh.service');
        assert.ok(arrival.initMs > 0 && arrival.initMs < arrival.service.answeredMs);
        assert.ok(arrival.service.answeredMs <= arrival.finishedMs);
        assert.match(await run('khop history'), /switch .*fast .*ready \d.*ssh\.service \d.*arrived on /);
      },
    );

    await t.test('a kernel that is removed takes its entry along', async () => {
      await machine.run(`${INSTALLED} dpkg --remove linux-image-cloud-amd64 linux-image-${first}`, PACKAGE);
      assert.deepEqual(
        (await prepared()).map(({ release }) => release),
        [second],
      );
    });
  },
);

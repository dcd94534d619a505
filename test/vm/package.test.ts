import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startFullMachine, waitForSystem } from '../../src/lab/full-machine.ts';
import { VERSION } from '../../src/version.ts';
import { INSTALLED, installPackage } from './built-package.ts';
import { COMMAND, hop } from './switching.ts';

const LIMIT = { timeout: 1_200_000 };

test(
  'the .deb installs, switches with /tmp mounted noexec, and its unit records the arrival by itself',
  LIMIT,
  async () => {
    await using machine = await startFullMachine();
    await installPackage(machine);
    await machine.run('mount -t tmpfs -o noexec,nosuid tmpfs /tmp', COMMAND);
    const run = async (command: string): Promise<string> =>
      (await machine.run(`${INSTALLED} ${command}`, COMMAND)).stdout;
    assert.equal(await run('khop --version'), `${VERSION}\n`);
    assert.equal(await run('systemctl is-enabled khop-arrive.service'), 'enabled\n');
    await run('systemd-analyze verify --man=no khop-arrive.service');
    const { kernels } = JSON.parse(await run('khop list --json'));
    const target = kernels.find((kernel: { release: string }) => kernel.release.startsWith('6.12.'));
    const hello = await hop(
      machine,
      `${INSTALLED} khop switch ${target.id} --method segments --no-trial --yes`,
    );
    assert.equal(hello.release, target.release);
    await waitForSystem(machine);
    const { entries } = JSON.parse(await run('khop history --json'));
    assert.equal(entries.at(-1).outcome, 'arrived');
    assert.equal(entries.at(-1).arrivedRelease, target.release);
    await run('dpkg --purge khop');
    assert.equal((await machine.exec('ls -d /usr/lib/khop /etc/khop /var/lib/khop', COMMAND)).stdout, '');
  },
);

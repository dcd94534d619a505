import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startFullMachine, waitForSystem } from '../../src/lab/full-machine.ts';
import { VERSION } from '../../src/version.ts';
import { buildDeb } from '../../tools/package/deb.ts';
import { buildExecutable } from '../../tools/package/executable.ts';
import { readRuntime } from '../../tools/package/runtime.ts';
import { layOutTree } from '../../tools/package/tree.ts';
import { COMMAND, hop } from './switching.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const LIMIT = { timeout: 1_200_000 };
const COPY_TIMEOUT_MS = 300_000;

/** The .deb as `npm run package` makes it, but quickly compressed. */
async function packageBytes(): Promise<Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), 'khop-package-vm-'));
  try {
    const runtime = await readRuntime(ROOT, 'x64', folder);
    const executable = join(folder, 'khop');
    mkdirSync(join(folder, 'build'));
    await buildExecutable(ROOT, runtime, join(folder, 'build'), executable);
    await layOutTree(ROOT, executable, runtime, join(folder, 'tree'), 1_700_000_000);
    return readFileSync(await buildDeb(ROOT, folder, folder, 'x64', 1_700_000_000, 0));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test(
  'the .deb installs, switches with /tmp mounted noexec, and its unit records the arrival by itself',
  LIMIT,
  async () => {
    const deb = await packageBytes();
    await using machine = await startFullMachine();
    await machine.copyIn(deb, '/root/khop.deb', 0o644, COPY_TIMEOUT_MS);
    await machine.run('dpkg --install /root/khop.deb && rm /root/khop.deb', { timeoutMs: 400_000 });
    await machine.run('mount -t tmpfs -o noexec,nosuid tmpfs /tmp', COMMAND);
    // The lab's own khop is on PATH as well; nothing of it may help the installed one.
    const run = async (command: string): Promise<string> =>
      (await machine.run(`env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin ${command}`, COMMAND)).stdout;
    assert.equal(await run('khop --version'), `${VERSION}\n`);
    assert.equal(await run('systemctl is-enabled khop-arrive.service'), 'enabled\n');
    await run('systemd-analyze verify --man=no khop-arrive.service');
    const { kernels } = JSON.parse(await run('khop list --json'));
    const target = kernels.find((kernel: { release: string }) => kernel.release.startsWith('6.12.'));
    const hello = await hop(
      machine,
      `env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin khop switch ${target.id} --yes`,
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

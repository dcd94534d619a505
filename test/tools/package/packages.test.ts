import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runProcess } from '../../../src/machine/run-process.ts';
import { VERSION } from '../../../src/version.ts';
import { buildDeb } from '../../../tools/package/deb.ts';
import { readRuntime, type TargetArch } from '../../../tools/package/runtime.ts';
import { measureStarts } from '../../../tools/package/start-time.ts';
import { buildTarball } from '../../../tools/package/tarball.ts';
import { layOutTree } from '../../../tools/package/tree.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const ARCH = process.arch as TargetArch;
const EPOCH = 1_700_000_000;
const DEADLINE = { timeoutMs: 30_000 };

/** Both packages around a shell script in the executable's place: making the real one takes a minute. */
async function buildPackages(folder: string): Promise<{ deb: string; tarball: string }> {
  await mkdir(folder, { recursive: true });
  const executable = join(folder, 'khop');
  writeFileSync(executable, '#!/bin/sh\necho stand-in\n');
  const tree = join(folder, 'tree');
  await layOutTree(ROOT, executable, await readRuntime(ARCH), tree, EPOCH);
  const deb = await buildDeb(ROOT, folder, folder, ARCH, EPOCH);
  return { deb, tarball: await buildTarball(folder, folder, ARCH, EPOCH) };
}

describe('the packages', () => {
  const folder = mkdtempSync(join(tmpdir(), 'khop-package-'));
  let deb = '';
  let tarball = '';
  before(async () => {
    ({ deb, tarball } = await buildPackages(join(folder, 'a')));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('the same sources give the same .deb and the same tarball in any folder', async () => {
    const again = await buildPackages(join(folder, 'b/c'));
    assert.ok(readFileSync(deb).equals(readFileSync(again.deb)), 'the .deb differs');
    assert.ok(readFileSync(tarball).equals(readFileSync(again.tarball)), 'the tarball differs');
  });

  test('the .deb installs the executable, its link, unit, settings, manuals and completions, all of root', async () => {
    const { stdout } = await runProcess('dpkg-deb', ['--contents', deb], DEADLINE);
    const lines = stdout.trim().split('\n');
    assert.ok(lines.every((line) => line.split(/\s+/)[1] === 'root/root'));
    const wanted = [
      /^-rwxr-xr-x .* \.\/usr\/lib\/khop\/khop$/m,
      /^-rw-r--r-- .* \.\/usr\/lib\/khop\/koffi\.node$/m,
      /^lrwxrwxrwx .* \.\/usr\/bin\/khop -> \.\.\/lib\/khop\/khop$/m,
      /^-rw-r--r-- .* \.\/usr\/lib\/systemd\/system\/khop-arrive\.service$/m,
      /^-rw-r--r-- .* \.\/etc\/khop\/khop\.conf$/m,
      /\.\/usr\/share\/man\/man8\/khop\.8\.gz$/m,
      /\.\/usr\/share\/man\/man5\/khop\.conf\.5\.gz$/m,
      /\.\/usr\/share\/bash-completion\/completions\/khop$/m,
      /\.\/usr\/share\/zsh\/vendor-completions\/_khop$/m,
      /\.\/usr\/share\/fish\/vendor_completions\.d\/khop\.fish$/m,
    ];
    for (const pattern of wanted) assert.match(stdout, pattern);
    for (const unit of readdirSync(join(ROOT, 'packaging')).filter((name) => /^khop-.*\./.test(name)))
      assert.ok(stdout.includes(` ./usr/lib/systemd/system/${unit}\n`), `${unit} is missing`);
    const packed = await runProcess('tar', ['-tJf', tarball], DEADLINE);
    assert.match(packed.stdout, new RegExp(`^khop-${VERSION}-\\w+/usr/lib/khop/khop$`, 'm'));
  });

  test('the .deb names what Node.js is linked with, and its settings and hooks are kept on upgrade', async () => {
    const field = async (name: string): Promise<string> =>
      (await runProcess('dpkg-deb', ['--field', deb, name], DEADLINE)).stdout.trim();
    assert.equal(await field('Version'), VERSION);
    assert.equal(await field('Depends'), 'libc6 (>= 2.28), libstdc++6, libgcc-s1, libatomic1');
    const control = join(folder, 'control');
    await runProcess('dpkg-deb', ['--control', deb, control], DEADLINE);
    assert.deepEqual(readFileSync(join(control, 'conffiles'), 'utf8').trimEnd().split('\n'), [
      '/etc/khop/khop.conf',
      '/etc/kernel/postinst.d/zz-khop',
      '/etc/kernel/postrm.d/zz-khop',
      '/etc/initramfs/post-update.d/khop',
    ]);
    for (const script of ['postinst', 'prerm', 'postrm'])
      await runProcess('sh', ['-n', join(control, script)], DEADLINE);
  });

  test('the sums in the .deb are those of its files', async () => {
    const target = join(folder, 'installed');
    await runProcess('dpkg-deb', ['--raw-extract', deb, target], DEADLINE);
    await runProcess('md5sum', ['--check', '--strict', 'DEBIAN/md5sums'], { ...DEADLINE, cwd: target });
  });
});

test('a program that prints something else than expected has no start-up time', () => {
  const echo = { file: '/bin/echo', args: ['0.0.0'] };
  assert.throws(() => measureStarts([{ ...echo, expected: VERSION }]), { code: 'E_CHILD' });
});

test('start-up times are those of each program, waiting and CPU time apart', () => {
  const sleeping = { file: '/bin/sleep', args: ['0.05'], expected: '' };
  const counting = {
    file: '/bin/sh',
    args: ['-c', 'i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done'],
    expected: '',
  };
  const [sleep, count] = measureStarts([sleeping, counting]);
  assert.ok(sleep !== undefined && count !== undefined);
  assert.ok(sleep.wallMs >= 50);
  assert.ok(count.cpuMs > sleep.cpuMs, `${count.cpuMs} ms of counting, ${sleep.cpuMs} ms of sleep`);
});

test('the version is the one in package.json', () => {
  assert.equal(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version, VERSION);
});

/**
 * The plain tarball, for distributions without dpkg: the same tree below one folder.
 * @module
 */
import { join } from 'node:path';
import { runProcess } from '../../src/machine/run-process.ts';
import { VERSION } from '../../src/version.ts';
import type { TargetArch } from './runtime.ts';

const MACHINE = { x64: 'x86_64', arm64: 'aarch64' } as const;

/** Packs `work`/tree; the path of the tarball in `dist`. */
export async function buildTarball(
  work: string,
  dist: string,
  arch: TargetArch,
  epochSeconds: number,
): Promise<string> {
  const name = `khop-${VERSION}-${MACHINE[arch]}`;
  const file = join(dist, `${name}.tar.xz`);
  await runProcess(
    'tar',
    [
      ...['--create', '--xz', '--file', file, '--directory', join(work, 'tree')],
      ...[
        '--sort=name',
        '--owner=0',
        '--group=0',
        '--numeric-owner',
        '--format=gnu',
        `--mtime=@${epochSeconds}`,
      ],
      `--transform=flags=r;s,^\\.,${name},`,
      '.',
    ],
    { timeoutMs: 600_000, env: { ...process.env, XZ_OPT: '-6 -T1' } },
  );
  return file;
}

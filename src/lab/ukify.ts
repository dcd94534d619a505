/**
 * Unified kernel images made by systemd's own ukify, which runs on the host from Debian's unpacked packages.
 * @module
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { runProcess } from '../machine/run-process.ts';
import { cachedFolder } from './cache-folder.ts';
import { fetchPackage, findPackage, unpackPackage } from './debian-packages.ts';

/** bookworm's systemd 252 has no ukify yet. */
const SUITE = 'trixie';
/** ukify, the EFI stub that it puts in front, and the Python module with which it reads and writes PE files. */
const PACKAGES = ['systemd-ukify', 'systemd-boot-efi', 'python3-pefile'];

const UNPACK_TIMEOUT_MS = 300_000;
const UKIFY_TIMEOUT_MS = 120_000;

/** What goes into the sections. Files are paths. */
export interface UkiContents {
  readonly linux: string;
  readonly initrd: string;
  readonly microcode?: string | undefined;
  readonly commandLine: string;
  /** `uname -r` of the kernel. */
  readonly release: string;
  /** Text of os-release. */
  readonly osRelease: string;
}

/** The image: its path. */
export async function buildUki(contents: UkiContents): Promise<string> {
  const packages = await Promise.all(PACKAGES.map((name) => findPackage(SUITE, name)));
  const tools = await cachedFolder({
    kind: 'ukify',
    inputs: { recipe: 1, packages: packages.map(({ sha256 }) => sha256) },
    timeoutMs: UNPACK_TIMEOUT_MS,
    build: async (target) => {
      for (const wanted of packages) await unpackPackage(await fetchPackage(wanted), target);
    },
  });
  const { commandLine, release, osRelease } = contents;
  const folder = await cachedFolder({
    kind: 'uki',
    inputs: {
      recipe: 1,
      packages: packages.map(({ sha256 }) => sha256),
      ...{ commandLine, release, osRelease },
      linux: await digestOf(contents.linux),
      initrd: await digestOf(contents.initrd),
      microcode: contents.microcode === undefined ? null : await digestOf(contents.microcode),
    },
    timeoutMs: UKIFY_TIMEOUT_MS,
    build: (target) => runUkify(tools, contents, target),
  });
  return join(folder, 'uki.efi');
}

async function runUkify(tools: string, contents: UkiContents, target: string): Promise<void> {
  const osRelease = join(target, 'os-release');
  await writeFile(osRelease, contents.osRelease);
  const unfinished = join(target, 'unfinished.efi');
  await runProcess(
    'python3',
    [
      ...[join(tools, 'usr/lib/systemd/ukify'), 'build', '--efi-arch=x64'],
      `--stub=${join(tools, 'usr/lib/systemd/boot/efi/linuxx64.efi.stub')}`,
      ...[`--linux=${contents.linux}`, `--initrd=${contents.initrd}`, `--cmdline=${contents.commandLine}`],
      ...[`--uname=${contents.release}`, `--os-release=@${osRelease}`, `--output=${unfinished}`],
      ...(contents.microcode === undefined ? [] : [`--microcode=${contents.microcode}`]),
    ],
    {
      timeoutMs: UKIFY_TIMEOUT_MS,
      env: { ...process.env, PYTHONPATH: join(tools, 'usr/lib/python3/dist-packages') },
    },
  );
  await rename(unfinished, join(target, 'uki.efi'));
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

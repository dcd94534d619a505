/**
 * A private view of one Debian suite: apt with lists, state and cache of its own, so that nothing of the
 * machine's own package state is touched and no root is needed. Where the archive is comes from the
 * machine's own apt configuration.
 * @module
 */
import { mkdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KhopError } from '../error.ts';
import { runProcess } from '../machine/run-process.ts';
import { cacheRoot, lockFile } from './cache-folder.ts';

/** The releases that the lab takes packages from. */
export type DebianSuite = 'bookworm' | 'trixie' | 'sid';

/** dpkg's names of the processors. */
export type DebianArchitecture = 'amd64' | 'arm64';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const LISTS_MAX_AGE_MS = 24 * 60 * 60 * 1000;
const RETRY_AFTER_MS = 60 * 60 * 1000;
const UPDATE_TIMEOUT_MS = 180_000;

/** Where an archive is: the main one and, when the machine uses one, the one of security updates. */
export interface DebianMirror {
  readonly main: string;
  readonly security: string | undefined;
}

/** `apt-get indextargets` lines of the form `uri release origin`, see `findMirror`. */
export function parseMirror(lines: string): DebianMirror | undefined {
  const targets = lines.split('\n').flatMap((line) => {
    const [uri, release] = line.split('|');
    return uri && release && /\/debian(-security)?\/?$/.test(uri) ? [{ uri, release }] : [];
  });
  const main = targets.find(({ release }) => !release.includes('-'))?.uri;
  const security = targets.find(({ release }) => release.endsWith('-security'))?.uri;
  return main === undefined ? undefined : { main, security };
}

/** The Debian mirror of this machine. `KHOP_DEBIAN_MIRROR` names one on machines that run something else. */
async function findMirror(): Promise<DebianMirror> {
  const named = process.env.KHOP_DEBIAN_MIRROR;
  if (named) return { main: named, security: undefined };
  const { stdout } = await runProcess(
    'apt-get',
    ['indextargets', '--format', '$(REPO_URI)|$(RELEASE)', 'Created-By: Packages'],
    { timeoutMs: 30_000 },
  );
  const mirror = parseMirror(stdout);
  if (mirror === undefined)
    throw new KhopError('E_LAB', 'the apt configuration of this machine names no Debian archive', {
      hint: 'Set KHOP_DEBIAN_MIRROR to the address of a Debian mirror and install debian-archive-keyring.',
    });
  return mirror;
}

/** A deb822 source list for `suite` and, for releases that have it, its security updates. */
export function sourceList(suite: DebianSuite, mirror: DebianMirror, keyring: string | undefined): string {
  const stanza = (uri: string, name: string): string =>
    [
      'Types: deb',
      `URIs: ${uri}`,
      `Suites: ${name}`,
      'Components: main',
      'Architectures: amd64 arm64',
      ...(keyring === undefined ? [] : [`Signed-By: ${keyring}`]),
      '',
    ].join('\n');
  const stanzas = [stanza(mirror.main, suite)];
  if (mirror.security !== undefined && suite !== 'sid')
    stanzas.push(stanza(mirror.security, `${suite}-security`));
  return stanzas.join('\n');
}

/** apt options that make it use `folder` and nothing of the machine's state. */
export function aptOptions(folder: string): string[] {
  const settings = {
    'Dir::Etc::sourcelist': join(folder, 'debian.sources'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null',
    'Dir::State': join(folder, 'state'),
    'Dir::State::status': join(folder, 'status'),
    'Dir::Cache': join(folder, 'cache'),
    // Machines that were made from containers turn these off, and every look-up then reads all lists again.
    'Dir::Cache::pkgcache': join(folder, 'cache', 'pkgcache.bin'),
    'Dir::Cache::srcpkgcache': join(folder, 'cache', 'srcpkgcache.bin'),
    'APT::Architecture': 'amd64',
    'APT::Sandbox::User': 'root',
    'APT::Get::AllowUnauthenticated': 'false',
    'Acquire::AllowInsecureRepositories': 'false',
    'Acquire::Retries': '2',
    'Acquire::http::Timeout': '20',
    'Acquire::https::Timeout': '20',
    'Acquire::Languages': 'none',
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

/** An opened suite. */
export interface SuiteView {
  readonly suite: DebianSuite;
  readonly folder: string;
  readonly options: readonly string[];
  /** Another one whenever the lists have been fetched again. */
  readonly listsId: string;
}

/**
 * `suite` with lists that are at most a day old, or older when the archive cannot be reached.
 * @throws E_LAB when there are no lists and they cannot be fetched
 */
export async function openSuite(suite: DebianSuite): Promise<SuiteView> {
  const folder = join(cacheRoot(), 'apt', suite);
  await mkdir(join(folder, 'state', 'lists', 'partial'), { recursive: true });
  await mkdir(join(folder, 'cache', 'archives', 'partial'), { recursive: true });
  const options = aptOptions(folder);
  const stamp = join(folder, 'updated');
  const view = async (): Promise<SuiteView> => {
    const { mtimeMs } = await stat(stamp);
    return { suite, folder, options, listsId: Math.floor(mtimeMs / 1000).toString(36) };
  };
  if (await isFresh(stamp)) return await view();
  await using _lock = await lockFile(join(folder, 'lock'), UPDATE_TIMEOUT_MS);
  if (await isFresh(stamp)) return await view();
  const keyring = (await exists(KEYRING)) ? KEYRING : undefined;
  await writeFile(join(folder, 'debian.sources'), sourceList(suite, await findMirror(), keyring));
  await writeFile(join(folder, 'status'), '');
  await update(suite, options, stamp);
  return await view();
}

async function update(suite: DebianSuite, options: readonly string[], stamp: string): Promise<void> {
  try {
    await runProcess('apt-get', [...options, '--error-on=any', 'update'], {
      timeoutMs: UPDATE_TIMEOUT_MS,
      ownGroup: true,
    });
  } catch (cause) {
    // Lists of yesterday are good enough; the packages they name are usually still there. The next try is
    // in an hour, so that a machine without network does not wait for one at every look-up.
    if (await exists(stamp)) {
      const inAnHour = new Date(Date.now() - LISTS_MAX_AGE_MS + RETRY_AFTER_MS);
      return await utimes(stamp, inAnHour, inAnHour);
    }
    throw new KhopError('E_LAB', `cannot fetch the package lists of Debian ${suite}`, {
      hint: 'The first run needs the network; check that `apt-get update` works on this machine.',
      cause,
    });
  }
  await writeFile(stamp, '', { flag: 'a' });
  await utimes(stamp, new Date(), new Date());
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

async function isFresh(stamp: string): Promise<boolean> {
  const at = (await stat(stamp).catch(() => undefined))?.mtimeMs;
  return at !== undefined && Date.now() - at < LISTS_MAX_AGE_MS;
}

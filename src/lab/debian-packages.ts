/**
 * Debian packages by name: looked up in a suite, fetched with apt's own checks of signatures and hashes, and
 * kept in the cache under their SHA-256.
 * @module
 */
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KhopError } from '../error.ts';
import { runProcess } from '../machine/run-process.ts';
import { cacheRoot, lockFile } from './cache-folder.ts';
import { type DebianArchitecture, type DebianSuite, openSuite, type SuiteView } from './debian-suite.ts';

const LOOKUP_TIMEOUT_MS = 60_000;
/** Debug symbols are a gigabyte. A server that says nothing is given up by apt itself, see `aptOptions`. */
const DOWNLOAD_TIMEOUT_MS = 1_800_000;
const VERIFY_TIMEOUT_MS = 300_000;

/** One version of one package, as the suite's list describes it. */
export interface DebianPackage {
  readonly suite: DebianSuite;
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly sha256: string;
  /** Names of its Depends and Pre-Depends, first alternative of each, without versions. */
  readonly depends: readonly string[];
}

/** The paragraphs of `apt-cache show`, fields by name; continuation lines are dropped. */
export function parseControl(text: string): ReadonlyMap<string, string>[] {
  return text
    .split(/\n\n+/)
    .filter((paragraph) => paragraph.trim() !== '')
    .map((paragraph) => {
      const pairs = [...paragraph.matchAll(/^([\w-]+):[ \t]*(.*)$/gm)];
      return new Map(pairs.map(([, name, value]) => [name ?? '', value ?? '']));
    });
}

/** `a | b (>= 1), c:any` -> `['a', 'c']`. */
export function parseDepends(field: string): string[] {
  return field
    .split(',')
    .map((clause) => /^\s*([a-z0-9][a-z0-9.+-]*)/.exec(clause)?.[1] ?? '')
    .filter((name) => name !== '');
}

/**
 * The newest version of `name` in `suite`.
 * @throws E_LAB when the suite does not have it
 */
export async function findPackage(
  suite: DebianSuite,
  name: string,
  architecture: DebianArchitecture = 'amd64',
): Promise<DebianPackage> {
  const view = await openSuite(suite);
  // apt-cache takes a third of a second to map its lists; a test run asks for the same dozens of names.
  const answers = join(view.folder, `found-${view.listsId}`);
  const answer = join(answers, `${name}_${architecture}.json`);
  const known = await readFile(answer, 'utf8').catch(() => undefined);
  if (known !== undefined) return JSON.parse(known) as DebianPackage;
  const found = await lookUp(view, name, architecture);
  await mkdir(answers, { recursive: true });
  const temporary = `${answer}.${process.pid}`;
  await writeFile(temporary, JSON.stringify(found));
  await rename(temporary, answer);
  return found;
}

async function lookUp(
  view: SuiteView,
  name: string,
  architecture: DebianArchitecture,
): Promise<DebianPackage> {
  const { stdout } = await runProcess(
    'apt-cache',
    [...view.options, 'show', '--no-all-versions', `${name}:${architecture}`],
    { timeoutMs: LOOKUP_TIMEOUT_MS, acceptExitCodes: [0, 100] },
  );
  const fields = parseControl(stdout)[0];
  const version = fields?.get('Version');
  const sha256 = fields?.get('SHA256');
  if (fields === undefined || version === undefined || sha256 === undefined)
    throw new KhopError('E_LAB', `Debian ${view.suite} has no package ${name} for ${architecture}`, {
      hint: `Remove ${view.folder} to fetch the package lists again.`,
    });
  return {
    suite: view.suite,
    name,
    version,
    architecture: fields.get('Architecture') ?? architecture,
    sha256,
    depends: parseDepends(`${fields.get('Pre-Depends') ?? ''},${fields.get('Depends') ?? ''}`),
  };
}

/** `names` and everything they depend on, except `without` and what only those need. */
export async function findWithDependencies(
  suite: DebianSuite,
  names: readonly string[],
  without: readonly string[],
  architecture: DebianArchitecture = 'amd64',
): Promise<DebianPackage[]> {
  const found = new Map<string, DebianPackage>();
  const add = async (name: string): Promise<void> => {
    if (found.has(name) || without.includes(name)) return;
    const entry = await findPackage(suite, name, architecture);
    found.set(name, entry);
    for (const dependency of entry.depends) await add(dependency);
  };
  for (const name of names) await add(name);
  return [...found.values()];
}

/** The .deb of `wanted`, fetched unless the cache has it: its path. */
export async function fetchPackage(wanted: DebianPackage): Promise<string> {
  const folder = join(cacheRoot(), 'deb');
  const path = join(folder, `${wanted.name}_${wanted.sha256.slice(0, 20)}_${wanted.architecture}.deb`);
  if (await exists(path)) return path;
  await mkdir(folder, { recursive: true });
  await using _lock = await lockFile(`${path}.lock`, DOWNLOAD_TIMEOUT_MS);
  if (await exists(path)) return path;
  const temporary = await mkdtemp(join(folder, 'unfinished-'));
  try {
    await rename(await download(wanted, temporary), path);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return path;
}

async function download(wanted: DebianPackage, folder: string): Promise<string> {
  const { options } = await openSuite(wanted.suite);
  const name = `${wanted.name}:${wanted.architecture === 'all' ? 'amd64' : wanted.architecture}=${wanted.version}`;
  await runProcess('apt-get', [...options, 'download', name], {
    timeoutMs: DOWNLOAD_TIMEOUT_MS,
    cwd: folder,
    ownGroup: true,
  }).catch((cause: unknown) => {
    throw new KhopError('E_LAB', `cannot fetch ${name} from Debian ${wanted.suite}`, {
      hint: 'Check the network; if the package is gone, remove the apt folder of the cache and try again.',
      cause,
    });
  });
  const file = (await readdir(folder)).find((entry) => entry.endsWith('.deb'));
  if (file === undefined)
    throw new KhopError('E_LAB', `apt-get download ${name} left no .deb file in ${folder}`, {
      hint: 'Run the command by hand to see what it does.',
    });
  const path = join(folder, file);
  await verify(path, wanted);
  return path;
}

/** apt has checked the hash against the signed list; this catches a disk that filled up after that. */
async function verify(path: string, wanted: DebianPackage): Promise<void> {
  const { stdout } = await runProcess('sha256sum', [path], { timeoutMs: VERIFY_TIMEOUT_MS });
  if (!stdout.startsWith(wanted.sha256))
    throw new KhopError('E_LAB', `${wanted.name} ${wanted.version} is not what the package list says`, {
      hint: 'Check for free space in the cache folder, then try again.',
    });
}

/** Unpacks the files of a .deb into `folder`. */
export async function unpackPackage(deb: string, folder: string): Promise<void> {
  await runProcess('dpkg-deb', ['--extract', deb, folder], { timeoutMs: 120_000 });
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

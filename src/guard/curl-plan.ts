/**
 * From a web server behind TLS to what the panic kernel is given for it: curl, and the certificates that the server's is
 * checked against. The server's address is that of when the guard was armed; its name is what its certificate says.
 * @module
 */
import { join } from 'node:path';
import { KhopError } from '../error.ts';
import { readNamedFile } from '../kernels/kernel-files.ts';
import type { ProgramFiles } from '../machine/program-files.ts';
import { readBytes } from '../machine/source.ts';
import type { BroughtProgram } from '../plan/capture/brought-program.ts';
import { bringProgram, filesOf } from './bring-program.ts';
import type { GuardSettings } from './guard-settings.ts';
import { printReportTarget, type ReportTarget } from './report-target.ts';
import type { GuardWorld } from './world.ts';

type HttpsTo = Extract<ReportTarget, { kind: 'https' }>;

/** For curl and OpenSSL besides their files, with the certificates of a distribution read into memory. */
export const CURL_MEMORY_BYTES = 16 * 1024 * 1024;
const CURL_FOLDER = '/curl';
const AUTHORITIES_FILE = 'authorities.pem';
/** Of Debian, Fedora, SUSE and others. */
const SYSTEM_AUTHORITIES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];
/** curl(1): nobody's configuration, no proxy, no other scheme, and no peer that is silent for ever. */
const OPTIONS = [
  ...['-q', '--silent', '--show-error', '--globoff'],
  ...['--noproxy', '*', '--proto', '=https', '--output', '/dev/null'],
  ...['--connect-timeout', '10', '--speed-limit', '1', '--speed-time', '15'],
];
/** What is not taken is no success, and another address that is answered was not looked up. */
const PUT = ['--fail', '--location', '--max-redirs', '0', '--upload-file', '/proc/self/fd/0'];

/** What is started, and the files that it was made of. */
export interface CurlPlan {
  readonly program: BroughtProgram;
  readonly url: string;
  readonly inputs: readonly string[];
}

/**
 * @param address of the server, four bytes
 * @throws E_NOT_FOUND without curl or certificates
 */
export function planCurlProgram(world: GuardWorld, to: HttpsTo, address: Uint8Array): CurlPlan {
  const files = curlFiles(world);
  const authorities = authoritiesOf(world, to);
  const { bytes } = readNamedFile(authorities);
  const args = [...connection(to, address, `${CURL_FOLDER}/${AUTHORITIES_FILE}`), ...PUT];
  const program = bringProgram(files, CURL_FOLDER, args);
  return {
    program: { ...program, files: [...program.files, { name: AUTHORITIES_FILE, bytes, mode: 0o644 }] },
    url: printReportTarget(to),
    inputs: [...filesOf(files).map(({ path }) => path), authorities],
  };
}

/**
 * Sees to it that the server can be reached and is who it says, while somebody is there who can change that. Nothing is
 * put there.
 * @throws as `planCurlProgram`; E_CHILD, E_TIMEOUT when it cannot
 */
export async function requireHttps(world: GuardWorld, { to }: GuardSettings): Promise<void> {
  if (to.kind !== 'https') return;
  const { path } = curlFiles(world).program;
  const address = await world.resolveHost(to.host);
  const args = [...connection(to, address, authoritiesOf(world, to)), '--head', printReportTarget(to)];
  await world.tryCurl(path, args);
}

function connection({ host, port }: HttpsTo, address: Uint8Array, authorities: string): readonly string[] {
  return [...OPTIONS, '--cacert', authorities, '--resolve', `${host}:${port}:${address.join('.')}`];
}

function curlFiles(world: GuardWorld): ProgramFiles {
  const found = world.readProgramFiles('curl');
  if (found.state === 'read') return found.value;
  throw new KhopError(
    'E_NOT_FOUND',
    `reports cannot be sent over TLS: ${found.state === 'absent' ? 'curl is not installed' : found.reason}`,
    { hint: 'Install the package curl of your distribution, or name another place with --to.' },
  );
}

/** Its path. */
function authoritiesOf(world: GuardWorld, { host, authorities }: HttpsTo): string {
  if (authorities !== null) return authorities;
  const { root } = world.folders;
  const found = SYSTEM_AUTHORITIES.find((path) => readBytes(root, path).state === 'read');
  if (found !== undefined) return join(root, found);
  throw new KhopError('E_NOT_FOUND', `no certificates are here that ${host} could be checked against`, {
    hint: 'Install the package ca-certificates of your distribution, or name a file with --ca-file.',
  });
}

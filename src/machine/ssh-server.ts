/**
 * The ssh server of this machine as it is set up, told by itself: `sshd -T`, sshd(8). What it is made of and what it
 * knows others by is read, so that a panic kernel can be the same server.
 * @module
 */
import { join } from 'node:path';
import { KhopError } from '../error.ts';
import { type ProgramFiles, readProgramFiles } from './program-files.ts';
import { type Reading, valueOf } from './reading.ts';
import { runProcess } from './run-process.ts';
import { linesOf, readBytes } from './source.ts';

/** What `sshd -T` says of what matters here. */
export interface SshServerSettings {
  readonly port: number;
  /** Paths. */
  readonly hostKeys: readonly string[];
  /** Paths, relative ones in root's home. */
  readonly authorizedKeys: readonly string[];
}

/** A server that lets root in by key. */
export interface SshServer {
  readonly port: number;
  /** sshd, and since OpenSSH 9.8 what it starts for a session. */
  readonly programs: readonly ProgramFiles[];
  readonly hostKeys: readonly Uint8Array[];
  /** As in authorized_keys. */
  readonly authorizedKeys: Uint8Array;
  /** Paths of the keys, those of the host and of root's. */
  readonly keyFiles: readonly string[];
}

const SOURCE = 'sshd -T';
const TIMEOUT_MS = 20_000;
const ROOT_HOME = '/root';
const HELPERS = ['sshd-session', 'sshd-auth'];
const HELPER_FOLDERS = ['/usr/lib/openssh', '/usr/libexec/openssh', '/usr/libexec'];
/** What a Match block may ask for: root, from anywhere. */
const CONNECTION = 'user=root,host=unknown,addr=0.0.0.0,laddr=0.0.0.0,lport=22';

/** @throws E_UNSUPPORTED when root cannot log in there by a key */
export function parseSshServerSettings(text: string): SshServerSettings {
  const all = linesOf(text).map((line) => /^(\S+) (.*)$/.exec(line.trim()));
  const valuesOf = (name: string) => all.flatMap((match) => (match?.[1] === name ? [match[2]!] : []));
  const [permit = 'no'] = valuesOf('permitrootlogin');
  if (permit === 'no' || permit === 'forced-commands-only') throw closed(`PermitRootLogin is ${permit}`);
  if (valuesOf('pubkeyauthentication')[0] === 'no') throw closed('PubkeyAuthentication is no');
  const port = Number(valuesOf('port')[0] ?? 22);
  return {
    port: Number.isInteger(port) && port > 0 && port < 65_536 ? port : 22,
    hostKeys: valuesOf('hostkey'),
    authorizedKeys: valuesOf('authorizedkeysfile').flatMap((line) => line.split(/\s+/)),
  };
}

function closed(reason: string): KhopError {
  return new KhopError('E_UNSUPPORTED', `sshd lets root in by no key: ${reason}`, {
    hint: 'Allow it in sshd_config(5), or have a console at hand.',
  });
}

/** Absent without sshd; unreadable, with the reason, when root could not log in there. */
export async function readSshServer(
  root: string,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Reading<SshServer>> {
  const server = readProgramFiles(root, 'sshd');
  if (server.state !== 'read') return server;
  const unreadable = (reason: string): Reading<SshServer> => ({
    state: 'unreadable',
    source: SOURCE,
    reason,
  });
  try {
    const { stdout } = await runProcess(join(root, server.value.program.path), ['-T', '-C', CONNECTION], {
      timeoutMs: TIMEOUT_MS,
      signal,
    });
    const settings = parseSshServerSettings(stdout);
    const there = (paths: readonly string[]) =>
      paths.flatMap((path) => {
        const bytes = valueOf(readBytes(root, path));
        return bytes === undefined ? [] : [{ path, bytes }];
      });
    const [hosts, users] = [there(settings.hostKeys), there(settings.authorizedKeys.map(keysPath))];
    if (hosts.length === 0) return unreadable('it has no host key');
    const authorizedKeys = Buffer.concat(users.flatMap(({ bytes }) => [bytes, Buffer.from('\n')]));
    if (authorizedKeys.toString().trim() === '') return unreadable('root has no authorized_keys');
    const helpers = HELPERS.flatMap((name) => valueOf(readProgramFiles(root, name, HELPER_FOLDERS)) ?? []);
    const value: SshServer = {
      port: settings.port,
      programs: [server.value, ...helpers],
      hostKeys: hosts.map(({ bytes }) => bytes),
      authorizedKeys,
      keyFiles: [...hosts, ...users].map(({ path }) => path),
    };
    return { state: 'read', source: SOURCE, value };
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return unreadable(error.message.split('\n')[0] ?? error.code);
  }
}

/** sshd_config(5), AuthorizedKeysFile: `%h` is the home, and so is what a relative path begins in. */
function keysPath(path: string): string {
  const expanded = path.replaceAll('%h', ROOT_HOME).replaceAll('%u', 'root');
  return expanded.startsWith('/') ? expanded : join(ROOT_HOME, expanded);
}

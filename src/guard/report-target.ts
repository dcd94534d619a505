/**
 * Where reports go, as a person names it:
 *
 *   UUID=1111-…:/path       a folder of another file system
 *   raw:PARTUUID=2222-…     a partition without a file system
 *   http://HOST:PORT/path   a web server that takes PUT
 *   https://HOST:PORT/path  the same over TLS
 *   ssh://USER@HOST:PORT/folder   another machine with tar
 * @module
 */
import * as v from 'valibot';
import { KhopError } from '../error.ts';

/** `folder` is /var/lib/khop/crashes, wherever it lies. */
export const ReportTarget = v.variant('kind', [
  v.object({ kind: v.literal('folder') }),
  v.object({ kind: v.literal('file-system'), uuid: v.string(), folder: v.string() }),
  v.object({ kind: v.literal('raw'), partition: v.string() }),
  v.object({ kind: v.literal('http'), host: v.string(), port: v.number(), path: v.string() }),
  v.object({
    kind: v.literal('https'),
    host: v.string(),
    port: v.number(),
    path: v.string(),
    /** Path of the certificates that the server's is checked against; null: those of the system. */
    authorities: v.nullable(v.string()),
  }),
  v.object({
    kind: v.literal('ssh'),
    user: v.string(),
    host: v.string(),
    port: v.number(),
    folder: v.string(),
    /** Path of the secret key to log in with. */
    key: v.string(),
  }),
]);

export type ReportTarget = v.InferOutput<typeof ReportTarget>;

const FILE_SYSTEM = /^UUID=([0-9A-Fa-f-]{8,36}):(\/[^\0]{0,200})$/;
const RAW = /^raw:PARTUUID=([0-9A-Fa-f-]{8,36})$/;
const MOST_URL_BYTES = 1000;
const WEB_PORTS = { http: 80, https: 443 } as const;
const SSH_PORT = 22;

/** Paths of files that a place may take. */
export interface ReportTargetFiles {
  readonly sshKey?: string | undefined;
  readonly authorities?: string | undefined;
}

/** @throws E_USAGE */
export function parseReportTarget(
  text: string,
  { sshKey, authorities }: ReportTargetFiles = {},
): ReportTarget {
  if (authorities !== undefined && !text.startsWith('https://'))
    throw withoutEffect('--ca-file', text, 'https://HOST/path');
  if (sshKey !== undefined && !text.startsWith('ssh://'))
    throw withoutEffect('--ssh-key', text, 'ssh://USER@HOST/folder');
  if (text.startsWith('ssh://')) return parseSsh(text, sshKey);
  const [, uuid, folder] = FILE_SYSTEM.exec(text) ?? [];
  if (uuid !== undefined && folder !== undefined) return { kind: 'file-system', uuid, folder };
  const partition = RAW.exec(text)?.[1];
  if (partition !== undefined) return { kind: 'raw', partition: partition.toLowerCase() };
  if (text.startsWith('http://')) return { kind: 'http', ...parseUrl(text, 'http') };
  if (text.startsWith('https://'))
    return { kind: 'https', ...parseUrl(text, 'https'), authorities: authorities ?? null };
  throw new KhopError('E_USAGE', `${text} is no place for reports`, {
    hint: 'It is UUID=…:/folder, raw:PARTUUID=…, http(s)://HOST:PORT/path or ssh://USER@HOST:PORT/folder.',
  });
}

function withoutEffect(option: string, text: string, place: string): KhopError {
  return new KhopError('E_USAGE', `${option} has no effect for ${text}`, {
    hint: `It goes with --to ${place}.`,
  });
}

function parseUrl(text: string, scheme: keyof typeof WEB_PORTS) {
  const url = URL.parse(text);
  const isPlain = url !== null && `${url.username}${url.password}${url.search}${url.hash}` === '';
  if (!isPlain || text.length > MOST_URL_BYTES)
    throw new KhopError('E_USAGE', `${text} is no address that files can be put below`, {
      hint: `It is ${scheme}://HOST:PORT/path, without a user, a query or a fragment.`,
    });
  return {
    host: url.hostname,
    port: url.port === '' ? WEB_PORTS[scheme] : Number(url.port),
    path: url.pathname.endsWith('/') ? url.pathname : `${url.pathname}/`,
  };
}

/** The folder stands in a command of the other machine's shell. */
const SSH =
  /^ssh:\/\/(?<user>[A-Za-z_][\w.-]{0,63})@(?<host>[A-Za-z0-9][\w.-]{0,250})(?::(?<port>\d{1,5}))?(?<folder>\/[\w./+-]{1,200})$/;

function parseSsh(text: string, key: string | undefined): ReportTarget {
  const { user, host, port, folder } = SSH.exec(text)?.groups ?? {};
  const number = Number(port ?? SSH_PORT);
  if (user === undefined || host === undefined || folder === undefined || number < 1 || number > 65_535)
    throw new KhopError('E_USAGE', `${text} is no folder of another machine`, {
      hint: 'It is ssh://USER@HOST:PORT/folder, with letters, digits and . _ + - / in the folder.',
    });
  if (key === undefined)
    throw new KhopError('E_USAGE', `${text} needs a key to log in with`, {
      hint: 'Make one for this alone, without a passphrase: ssh-keygen -t ed25519 -N "" -f FILE; then --ssh-key FILE.',
    });
  return { kind: 'ssh', user, host, port: number, folder, key };
}

/** Whether the panic kernel can reach it only by way of a network that is up when it is armed. */
export function isOnNetwork({ kind }: ReportTarget): boolean {
  return kind === 'http' || kind === 'https' || kind === 'ssh';
}

/** As `parseReportTarget` takes it; empty for the usual folder. */
export function printReportTarget(target: ReportTarget): string {
  switch (target.kind) {
    case 'folder':
      return '';
    case 'file-system':
      return `UUID=${target.uuid}:${target.folder}`;
    case 'raw':
      return `raw:PARTUUID=${target.partition}`;
    case 'http':
    case 'https':
      return `${target.kind}://${hostHeader(target)}${target.path}`;
    case 'ssh':
      return `ssh://${target.user}@${target.host}${target.port === SSH_PORT ? '' : `:${target.port}`}${target.folder}`;
  }
}

/** RFC 9110, section 7.2. */
export function hostHeader({ kind, host, port }: Extract<ReportTarget, { kind: 'http' | 'https' }>): string {
  return port === WEB_PORTS[kind] ? host : `${host}:${port}`;
}

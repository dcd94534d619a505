/**
 * Where reports go, as a person names it:
 *
 *   UUID=1111-…:/path       a folder of another file system
 *   raw:PARTUUID=2222-…     a partition without a file system
 *   http://HOST:PORT/path   a web server that takes PUT
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
]);

export type ReportTarget = v.InferOutput<typeof ReportTarget>;

const FILE_SYSTEM = /^UUID=([0-9A-Fa-f-]{8,36}):(\/[^\0]{0,200})$/;
const RAW = /^raw:PARTUUID=([0-9A-Fa-f-]{8,36})$/;
const MOST_URL_BYTES = 1000;

/** @throws E_USAGE */
export function parseReportTarget(text: string): ReportTarget {
  const [, uuid, folder] = FILE_SYSTEM.exec(text) ?? [];
  if (uuid !== undefined && folder !== undefined) return { kind: 'file-system', uuid, folder };
  const partition = RAW.exec(text)?.[1];
  if (partition !== undefined) return { kind: 'raw', partition: partition.toLowerCase() };
  if (text.startsWith('http://')) return parseUrl(text);
  throw new KhopError('E_USAGE', `${text} is no place for reports`, {
    hint: text.startsWith('https://')
      ? 'The panic kernel has no room for TLS. Use http:// within a network that you trust.'
      : 'It is UUID=…:/folder, raw:PARTUUID=… or http://HOST:PORT/path.',
  });
}

function parseUrl(text: string): ReportTarget {
  const url = URL.parse(text);
  const isPlain = url !== null && `${url.username}${url.password}${url.search}${url.hash}` === '';
  if (!isPlain || text.length > MOST_URL_BYTES)
    throw new KhopError('E_USAGE', `${text} is no address that files can be put below`, {
      hint: 'It is http://HOST:PORT/path, without a user, a query or a fragment.',
    });
  return {
    kind: 'http',
    host: url.hostname,
    port: url.port === '' ? 80 : Number(url.port),
    path: url.pathname.endsWith('/') ? url.pathname : `${url.pathname}/`,
  };
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
      return `http://${hostHeader(target)}${target.path}`;
  }
}

/** RFC 9110, section 7.2. */
export function hostHeader({ host, port }: Extract<ReportTarget, { kind: 'http' }>): string {
  return port === 80 ? host : `${host}:${port}`;
}

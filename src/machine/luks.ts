/**
 * What can unlock the LUKS2 volumes in use, from their headers.
 * @module
 */
import type { LuksToken } from './facts.ts';
import { type Reading, valueOf } from './reading.ts';
import { readDeviceBytes, readNames, readText } from './source.ts';

/** LUKS2 on-disk format 1.1.1, 2.1: JSON text from 4096 to hdr_size, which is at most 4 MiB; NUL ends it. */
const JSON_OFFSET = 4096;
const HEADER_LIMIT = 4 * 1024 * 1024;

/** Tokens of the LUKS2 volumes below open mappings; absent without any. */
export function readLuksTokens(root: string): Reading<readonly LuksToken[]> {
  const blocks = readNames(root, '/sys/class/block');
  if (blocks.state !== 'read') return blocks;
  const volumes = blocks.value.filter((name) =>
    (valueOf(readText(root, `/sys/class/block/${name}/dm/uuid`)) ?? '').startsWith('CRYPT-LUKS2'),
  );
  const source = '/sys/class/block/dm-*/dm/uuid';
  if (volumes.length === 0) return { state: 'absent', source };
  const tokens: LuksToken[] = [];
  for (const name of volumes) {
    const below = readNames(root, `/sys/class/block/${name}/slaves`);
    if (below.state !== 'read')
      return { state: 'unreadable', source: below.source, reason: 'its device is not known' };
    for (const device of below.value) {
      const found = tokensOf(root, device);
      if (found.state !== 'read') return found;
      tokens.push(...found.value);
    }
  }
  return { state: 'read', value: tokens, source };
}

function tokensOf(root: string, device: string): Reading<readonly LuksToken[]> {
  const header = readDeviceBytes(root, `/dev/${device}`, JSON_OFFSET, HEADER_LIMIT - JSON_OFFSET);
  if (header.state === 'unreadable') return header;
  const { source } = header;
  if (header.state === 'absent')
    return { state: 'unreadable', source, reason: 'the device is in use, but not there' };
  const types = tokenTypes(header.value);
  if (types === undefined)
    return { state: 'unreadable', source, reason: 'its LUKS2 header is not understood' };
  return { state: 'read', value: types.map((type) => ({ device, type })), source };
}

function tokenTypes(bytes: Uint8Array): string[] | undefined {
  const end = bytes.indexOf(0);
  const text = Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('utf8');
  try {
    const parsed: unknown = JSON.parse(text);
    const tokens =
      typeof parsed === 'object' && parsed !== null && 'tokens' in parsed ? parsed.tokens : undefined;
    if (typeof tokens !== 'object' || tokens === null) return undefined;
    return Object.values(tokens).flatMap((token: unknown) => {
      const type = typeof token === 'object' && token !== null && 'type' in token ? token.type : undefined;
      return typeof type === 'string' ? [type] : [];
    });
  } catch {
    return undefined;
  }
}

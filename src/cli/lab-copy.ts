/**
 * Copying a file between this machine and one of the lab, as `khop lab cp` has it.
 * @module
 */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { KhopError } from '../error.ts';
import { openAgent } from '../lab/running-machines.ts';

const TIMEOUT_MS = 300_000;

/** A side of a copy: a path here, or in a machine. */
export interface CopySide {
  readonly machine: string | undefined;
  readonly path: string;
}

/** `lab:/tmp/x` is in the machine lab; `./lab:x` and everything without a colon before a slash is here. */
export function parseCopySide(text: string): CopySide {
  const match = /^([a-z0-9][a-z0-9-]*):(.*)$/s.exec(text);
  return match === null
    ? { machine: undefined, path: text }
    : { machine: match[1] ?? '', path: match[2] ?? '' };
}

/** The number of bytes that were copied. @throws E_USAGE unless exactly one side is in a machine */
export async function copyBetween(fromText: string, toText: string): Promise<number> {
  const from = parseCopySide(fromText);
  const to = parseCopySide(toText);
  if ((from.machine === undefined) === (to.machine === undefined))
    throw new KhopError('E_USAGE', 'exactly one side has to be in a lab machine', {
      hint: 'Write it as NAME:/PATH, for example lab:/tmp/file.',
    });
  const { agent } = await openAgent(from.machine ?? to.machine ?? '');
  using _agent = agent;
  if (from.machine !== undefined) {
    const file = await agent.get(from.path, TIMEOUT_MS);
    await writeFile(to.path, file.bytes, { mode: file.mode });
    return file.bytes.length;
  }
  const bytes = await readLocal(from.path);
  await agent.put(to.path, bytes, (await stat(from.path)).mode & 0o777, TIMEOUT_MS);
  return bytes.length;
}

async function readLocal(path: string): Promise<Uint8Array> {
  return await readFile(path).catch((cause: unknown) => {
    throw new KhopError('E_UNREADABLE', `cannot read ${path}`, {
      hint: 'Folders cannot be copied: pack them into one file first.',
      cause,
    });
  });
}

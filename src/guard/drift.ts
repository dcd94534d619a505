/**
 * What a panic kernel was made for: the files it was made of, and the CPUs and memory of the machine. Where either
 * has changed, it would save a memory that is not there, or come home with a kernel that was replaced.
 * @module
 */
import { createHash } from 'node:crypto';
import { KhopError } from '../error.ts';
import { readNamedFile } from '../kernels/kernel-files.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import type { ArmedRecord } from './armed-record.ts';

/** SHA-256 of each file. @throws E_NOT_FOUND, E_UNREADABLE */
export function digestFiles(paths: readonly string[]): ArmedRecord['inputs'] {
  return [...new Set(paths)].map((path) => ({ path, sha256: sha256(readNamedFile(path).bytes) }));
}

/** @throws as `digestFiles` */
export type DigestOnce = (paths: readonly string[]) => ArmedRecord['inputs'];

/**
 * The same, but of each file as it is when it is first asked for: who asks before a plan reads the file knows what the
 * plan was made of, whatever takes its place meanwhile.
 */
export function digestOnce(): DigestOnce {
  const known = new Map<string, ArmedRecord['inputs'][number]>();
  return (paths) =>
    [...new Set(paths)].map((path) => {
      const found = known.get(path) ?? digestFiles([path])[0]!;
      known.set(path, found);
      return found;
    });
}

/** The CPUs that leave their registers, and the memory that a dump is of. */
export function shapeOf({ crash, iomem }: MachineFacts): string {
  const cpus = (valueOf(crash.cpuNotes) ?? []).map(({ cpu, address }) => `${cpu} ${address}`);
  const memory = (valueOf(iomem) ?? [])
    .filter(({ name }) => name.startsWith('System RAM'))
    .map(({ start, end }) => `${start}-${end}`);
  return sha256(Buffer.from([...cpus, ...memory].join('\n')));
}

/** One sentence for each thing that is not as it was. */
export function driftOf(record: ArmedRecord, machine: MachineFacts): string[] {
  const drift = record.inputs.flatMap(({ path, sha256: before }) => {
    try {
      const [now] = digestFiles([path]);
      return now?.sha256 === before ? [] : [`${path} has changed since`];
    } catch (error) {
      if (!(error instanceof KhopError)) throw error;
      return [error.message];
    }
  });
  if (record.shape !== shapeOf(machine)) drift.push('CPUs or memory were added or taken away since');
  return drift;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * Whose the panic kernel is that is loaded. Right after arming, what the kernel keeps of it (machine/crash-image.ts) is
 * noted as a digest; as long as that is the same, nothing else was loaded since. Where the kernel shows it to nobody, the
 * guard can still be armed, but that it is cannot be proven.
 * @module
 */
import { createHash } from 'node:crypto';
import { type CrashImage, crashImageReader } from '../machine/crash-image.ts';
import { obstacleOf, type Reading } from '../machine/reading.ts';
import type { LoadPlan } from '../plan/load-plan.ts';
import type { ArmedRecord } from './armed-record.ts';

/** In a record. */
export const OTHER_SEGMENTS = 'the kernel does not show the segments that khop loaded';

/** SHA-256 of where it is and what is there: addresses of the kernel are nobody's business. */
export function digestOfImage({ address, bytes }: CrashImage): string {
  return createHash('sha256').update(`${address}\n`).update(bytes).digest('hex');
}

/** In a record. */
export type ImageNote = Pick<ArmedRecord, 'imageDigest' | 'imageObstacle'>;

/** For the record of an arming, right after `plan` was loaded. */
export function noteImage(reading: Reading<CrashImage>, plan: LoadPlan): ImageNote {
  if (reading.state !== 'read') return { imageDigest: null, imageObstacle: whyUnreadable(reading) };
  if (!hasSegments(reading.value, plan)) return { imageDigest: null, imageObstacle: OTHER_SEGMENTS };
  return { imageDigest: digestOfImage(reading.value), imageObstacle: null };
}

/**
 * Whether what khop loaded is in it: else it is another load, or this kernel keeps segments elsewhere and the digest would
 * say nothing. By kexec_load it is the places of the first segments. By kexec_file_load the kernel chooses those, but keeps
 * the length of the initrd as it is: bufsz, which kexec_add_buffer does not round as it does memsz.
 */
function hasSegments({ bytes }: CrashImage, plan: LoadPlan): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const words = Array.from({ length: Math.floor(bytes.length / 8) }, (_none, index) =>
    view.getBigUint64(index * 8, true),
  );
  // A panic kernel without an initrd has nothing of khop's own to be known by.
  if (plan.method === 'file')
    return plan.initrd !== undefined && words.includes(BigInt(plan.initrd.bytes.length));
  return plan.segments
    .slice(0, 8)
    .every(({ address, memorySize }) =>
      words.some((word, index) => word === address && words[index + 1] === BigInt(memorySize)),
    );
}

/** Why what is loaded is not what was armed; empty, too, when it was not noted then. */
export function imageProblems(root: string, record: ArmedRecord): string[] {
  if (record.imageDigest === null) return [];
  const reading = crashImageReader(root)();
  if (reading.state !== 'read')
    return [`whose the panic kernel is that is loaded cannot be seen any more: ${whyUnreadable(reading)}`];
  if (digestOfImage(reading.value) === record.imageDigest) return [];
  return ['another panic kernel was loaded after the guard was armed'];
}

function whyUnreadable(reading: Exclude<Reading<unknown>, { readonly state: 'read' }>): string {
  return reading.state === 'absent' ? obstacleOf(reading) : `${reading.source}: ${reading.reason}`;
}

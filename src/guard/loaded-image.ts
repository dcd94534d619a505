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

/** In a record: either khop does not know how this kernel keeps them, or something else is loaded. */
export const OTHER_SEGMENTS = 'the kernel does not show the segments that khop loaded';
/** In a record: segments are where khop looks for them, and they are not the guard's. */
export const OTHER_IMAGE = 'another panic kernel was loaded right after the guard’s';

/** In struct kimage, counted in words; see machine/crash-image.ts. */
const COUNT_AT = 7;
const SEGMENTS_AT = 8;
const SEGMENT_WORDS = 4;
const MOST_SEGMENTS = 16n;
const PAGE = 4096n;

/** SHA-256 of where it is and what is there: addresses of the kernel are nobody's business. */
export function digestOfImage({ address, bytes }: CrashImage): string {
  return createHash('sha256').update(`${address}\n`).update(bytes).digest('hex');
}

/** In a record. */
export type ImageNote = Pick<ArmedRecord, 'imageDigest' | 'imageObstacle'>;

/** For the record of an arming, right after `plan` was loaded. */
export function noteImage(reading: Reading<CrashImage>, plan: LoadPlan): ImageNote {
  if (reading.state !== 'read') return { imageDigest: null, imageObstacle: whyUnreadable(reading) };
  const { bytes } = reading.value;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const words = Array.from({ length: Math.floor(bytes.length / 8) }, (_none, index) =>
    view.getBigUint64(index * 8, true),
  );
  const marks = marksOf(plan);
  const isOwn = marks.every((mark) =>
    words.some((_word, index) => mark.every((each, offset) => words[index + offset] === each)),
  );
  // Without marks the digest would be of anything.
  if (marks.length > 0 && isOwn) return { imageDigest: digestOfImage(reading.value), imageObstacle: null };
  const isOther = marks.length > 0 && hasSegments(words);
  return { imageDigest: null, imageObstacle: isOther ? OTHER_IMAGE : OTHER_SEGMENTS };
}

/**
 * Words that the kernel keeps of a plan as they are. By kexec_load they are the places of the first segments. By
 * kexec_file_load the kernel chooses those, but keeps the length of the initrd, if there is one: bufsz, which
 * kexec_add_buffer does not round as it does memsz.
 */
function marksOf(plan: LoadPlan): readonly (readonly bigint[])[] {
  if (plan.method === 'file') return plan.initrd === undefined ? [] : [[BigInt(plan.initrd.bytes.length)]];
  return plan.segments.slice(0, 8).map(({ address, memorySize }) => [address, BigInt(memorySize)]);
}

/**
 * Whether there are segments where khop knows them to be, of whole pages as every kernel wants them: then those that khop
 * looked for are not elsewhere. That several armings have several digests would not tell: each load has other buffers.
 */
function hasSegments(words: readonly bigint[]): boolean {
  const count = words[COUNT_AT] ?? 0n;
  if (count === 0n || count > MOST_SEGMENTS) return false;
  const fields = words.slice(SEGMENTS_AT, SEGMENTS_AT + Number(count) * SEGMENT_WORDS);
  return fields.every((word, index) => {
    const field = index % SEGMENT_WORDS;
    // Of buf, bufsz, mem, memsz.
    if (field < 2) return field === 0 || word <= (fields[index + 2] ?? 0n);
    return word > 0n && word % PAGE === 0n;
  });
}

/** Why what is loaded is not what was armed; empty, too, when it was not noted then. */
export function imageProblems(root: string, record: ArmedRecord): readonly string[] {
  const others = otherImages(root, record);
  if (others.state === 'read') return others.value;
  return [`whose the panic kernel is that is loaded cannot be seen any more: ${whyUnreadable(others)}`];
}

/** Signs that the kernel keeps another image; unreadable when it has shown that of the guard and shows none now. */
export function otherImages(root: string, record: ArmedRecord): Reading<readonly string[]> {
  const found = (...signs: readonly string[]) => ({ state: 'read', source: 'kcore', value: signs }) as const;
  if (record.imageObstacle === OTHER_IMAGE) return found(OTHER_IMAGE);
  if (record.imageDigest === null) return found();
  const reading = crashImageReader(root)();
  if (reading.state !== 'read') return reading;
  if (digestOfImage(reading.value) === record.imageDigest) return found();
  return found('another panic kernel was loaded after the guard was armed');
}

function whyUnreadable(reading: Exclude<Reading<unknown>, { readonly state: 'read' }>): string {
  return reading.state === 'absent' ? obstacleOf(reading) : `${reading.source}: ${reading.reason}`;
}

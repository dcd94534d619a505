/**
 * From the public keys that reports are encrypted for to what the panic kernel is given for it.
 * @module
 */
import { KhopError } from '../error.ts';
import type { EncryptionOrder } from '../plan/capture/encrypt-report.ts';
import { bringProgram, filesOf } from './bring-program.ts';
import type { GuardSettings } from './guard-settings.ts';
import type { GuardWorld } from './world.ts';

/** How report and dump are encrypted. */
export interface EncryptionPlan {
  readonly order: EncryptionOrder;
  /** Memory of the reservation that it takes besides its files in the initramfs, bytes. */
  readonly workingBytes: number;
  /** Those files, bytes. */
  readonly fileBytes: number;
  /** Paths of the files that it was made of, age’s first. */
  readonly inputs: readonly string[];
  /** Why it cannot be done: nothing of the crash is written then. */
  readonly obstacle: string | undefined;
}

const AGE = 'age';
const AGE_FOLDER = '/age';
/** Of the deadline, as long as nothing has been written anywhere. */
const END_SHARE = 0.4;
const MIB = 1024 * 1024;
/** age 1.1 took 14 MiB with its own code for any size of input; the longest log, clear and as text, takes the rest. */
const WORKING_BYTES = 20 * MIB;

/** Undefined when nobody asked for it. Never throws: at boot a way home without a report is better than none. */
export function planEncryption(world: GuardWorld, settings: GuardSettings): EncryptionPlan | undefined {
  const { encryptTo, deadlineSeconds } = settings;
  if (encryptTo.length === 0) return undefined;
  const limits = { recipients: encryptTo.length, untilMs: deadlineSeconds * 1000 * END_SHARE };
  const found = world.readProgramFiles(AGE);
  if (found.state !== 'read')
    return {
      order: { ...limits, program: undefined },
      workingBytes: 0,
      fileBytes: 0,
      inputs: [],
      obstacle: found.state === 'absent' ? 'age is not installed' : found.reason,
    };
  const files = filesOf(found.value);
  const recipients = encryptTo.flatMap((recipient) => ['-r', recipient]);
  return {
    order: { ...limits, program: bringProgram(found.value, AGE_FOLDER, recipients) },
    workingBytes: WORKING_BYTES,
    fileBytes: files.reduce((sum, { bytes }) => sum + bytes.length, 0),
    inputs: files.map(({ path }) => path),
    obstacle: undefined,
  };
}

/**
 * Sees to it that encryption works here, while somebody is there who can change that.
 * @throws E_NOT_FOUND without age, E_CHILD when it does not take the keys
 */
export async function requireEncryption(world: GuardWorld, settings: GuardSettings): Promise<void> {
  const plan = planEncryption(world, settings);
  if (plan === undefined) return;
  const [program] = plan.inputs;
  if (program === undefined)
    throw new KhopError('E_NOT_FOUND', `reports cannot be encrypted: ${plan.obstacle}`, {
      hint: 'Install the package age of your distribution, or leave out --encrypt-to.',
    });
  await world.tryEncryption(program, settings.encryptTo);
}

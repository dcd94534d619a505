/**
 * Where reports of crashes lie.
 * @module
 */
import type { Folders } from '../switch/world.ts';

/** What a report is made of, in the order in which it is brought here: who finds the steps finds the rest. */
export const REPORT_FILES = [
  'vmcoreinfo.txt',
  'dmesg.txt',
  'vmcoreinfo.txt.age',
  'dmesg.txt.age',
  'chain.txt',
] as const;

/** What only the secret key opens. */
export const ENCRYPTED_FILES = [
  'dmesg.txt.age',
  'vmcoreinfo.txt.age',
  'makedumpfile.txt.age',
  'vmcore.age',
  'vmcore.age.incomplete',
] as const;

export const DUMP_FILES = ['vmcore', 'vmcore.incomplete', 'vmcore.age', 'vmcore.age.incomplete'] as const;

/** A folder each. */
export function crashesFolder(folders: Folders): string {
  return `${folders.state}/crashes`;
}

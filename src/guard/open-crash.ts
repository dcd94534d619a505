/**
 * An encrypted report, opened: a report as if it had been written in the clear, which is nowhere but in memory.
 * @module
 */
import { KhopError } from '../error.ts';
import { readFileText } from '../machine/crash-folder.ts';
import type { Reading } from '../machine/reading.ts';
import { buildCrashReport } from './build-crash-report.ts';
import type { CrashReport } from './crash-report.ts';

/**
 * @param report what is known of it without the key
 * @param decrypt of the file at a path. @throws E_CHILD
 * @throws E_NOT_FOUND when nothing of it is encrypted, and what `decrypt` throws
 */
export async function openCrash(
  stateFolder: string,
  { id, encrypted }: CrashReport,
  decrypt: (path: string) => Promise<string>,
): Promise<CrashReport> {
  const place = `${stateFolder}/crashes/${id}`;
  const open = async (name: string): Promise<Reading<string>> => {
    const source = `${place}/${name}.age`;
    if (!encrypted.includes(`${name}.age`)) return readFileText(place, name);
    return { state: 'read', value: await decrypt(source), source };
  };
  if (!encrypted.includes('dmesg.txt.age'))
    throw new KhopError('E_NOT_FOUND', `the report of ${id} is not encrypted`, {
      hint: 'Leave out --identity.',
    });
  const [dmesg, vmcoreinfo] = [await open('dmesg.txt'), await open('vmcoreinfo.txt')];
  const chain = readFileText(place, 'chain.txt');
  return buildCrashReport({ id, dmesg, records: undefined, chain, vmcoreinfo, encrypted });
}

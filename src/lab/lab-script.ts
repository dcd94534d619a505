/**
 * The shell scripts that run inside lab machines.
 * @module
 */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { KhopError } from '../error.ts';

export type LabScript =
  | 'guest-agent.sh'
  | 'small-init.sh'
  | 'full-image-hook.sh'
  | 'debian-initramfs-hook.sh';

/** A script of this folder; the packaged khop finds it in the folder lab beside its executable. */
export async function readLabScript(name: LabScript): Promise<Uint8Array> {
  const places = [import.meta.dirname ?? '', join(dirname(process.execPath), 'lab')];
  for (const place of places) {
    const bytes = await readFile(join(place, name)).catch(() => undefined);
    if (bytes !== undefined) return bytes;
  }
  throw new KhopError('E_LAB', `${name} is in none of ${places.join(', ')}`, {
    hint: 'This khop was installed without the files of its lab; use the source tree.',
  });
}

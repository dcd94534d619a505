/**
 * Nodes of setup_data as the running kernel lists them: Documentation/ABI/testing/sysfs-kernel-boot_params. A kernel
 * lists those of types that it does not know as well.
 * @module
 */
import { SETUP_DATA_TYPES, type SetupDataType } from '../formats/setup-data.ts';
import type { Reading } from './reading.ts';
import { bigintOf, mapReading, readBytes, readNames, readText } from './source.ts';

const FOLDER = '/sys/kernel/boot_params/setup_data';

/** The data of the first node of a type. */
export function readSetupData(root: string, type: SetupDataType): Reading<Uint8Array> {
  const wanted = BigInt(SETUP_DATA_TYPES[type]);
  const names = mapReading(readNames(root, FOLDER), (all) => all.filter((name) => /^\d+$/.test(name)));
  if (names.state !== 'read') return names;
  for (const name of names.value) {
    const found = readText(root, `${FOLDER}/${name}/type`);
    if (found.state === 'unreadable') return found;
    if (found.state === 'read' && bigintOf(found.value) === wanted)
      return readBytes(root, `${FOLDER}/${name}/data`);
  }
  return { state: 'absent', source: FOLDER };
}

/**
 * What a boot manager and the system tell each other in EFI variables.
 * Specification: systemd, "The Boot Loader Interface".
 * @module
 */
import type { Reading } from './reading.ts';
import { mapReading, readBytes } from './source.ts';

const FOLDER = '/sys/firmware/efi/efivars';
const VENDOR = '4a67b082-0a4c-41cf-b6c7-440b29bb8c4f';
/** efivarfs puts the attributes before the value. */
const ATTRIBUTES_SIZE = 4;

/** Absent on a machine without EFI, and where no boot manager has set the variable. */
export interface EfiLoaderVariables {
  /** The boot manager that started this system, e.g. `systemd-boot 254`. */
  readonly info: Reading<string>;
  /** The id of the entry that starts by itself; it counts before loader.conf. `@saved` is the one started last. */
  readonly entryDefault: Reading<string>;
  /** The id of the entry that the next start takes, once, whatever the default is. */
  readonly entryOneShot: Reading<string>;
  /** The id of the entry that was started last, where the boot manager keeps it. */
  readonly entryLastBooted: Reading<string>;
  /** When the kernel was given control, microseconds since the machine was reset, as decimal digits. */
  readonly timeExec: Reading<string>;
}

export function readEfiLoaderVariables(root: string): EfiLoaderVariables {
  const read = (name: string): Reading<string> =>
    mapReading(readBytes(root, `${FOLDER}/${name}-${VENDOR}`), (bytes) =>
      new TextDecoder('utf-16le').decode(bytes.subarray(ATTRIBUTES_SIZE)).replace(/\0+$/, ''),
    );
  return {
    info: read('LoaderInfo'),
    entryDefault: read('LoaderEntryDefault'),
    entryOneShot: read('LoaderEntryOneShot'),
    entryLastBooted: read('LoaderEntryLastBooted'),
    timeExec: read('LoaderTimeExecUSec'),
  };
}

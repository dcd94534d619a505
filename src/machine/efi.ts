/**
 * /sys/firmware/efi: where the firmware's tables and runtime code lie.
 * Documentation/ABI/testing/sysfs-firmware-efi and -efi-runtime-map.
 * @module
 */
import type { EfiFacts, EfiRuntimeEntry } from './facts.ts';
import type { Reading } from './reading.ts';
import {
  bigintOf,
  firstPresent,
  integerOf,
  linesOf,
  mapReading,
  readBytes,
  readNames,
  readText,
} from './source.ts';

const FOLDER = '/sys/firmware/efi';
/** EFI_GLOBAL_VARIABLE. */
const GLOBAL_VARIABLE = '8be4df61-93ca-11d2-aa0d-00e098032b8c';

/** Absent as a whole on a machine that was not started by EFI. */
export function readEfi(root: string): Reading<EfiFacts> {
  return mapReading(readNames(root, FOLDER), () => ({
    systemTable: mapReading(readText(root, `${FOLDER}/systab`), parseSystab),
    firmwareVendor: mapReading(readText(root, `${FOLDER}/fw_vendor`), bigintOf),
    runtime: mapReading(readText(root, `${FOLDER}/runtime`), bigintOf),
    configTable: mapReading(readText(root, `${FOLDER}/config_table`), bigintOf),
    runtimeMap: readRuntimeMap(root),
    secureBoot: readSecureBoot(root),
    platformSize: mapReading(readText(root, `${FOLDER}/fw_platform_size`), integerOf),
  }));
}

/** `ACPI20=0x7f...` lines. */
function parseSystab(text: string): ReadonlyMap<string, bigint> | undefined {
  const table = new Map<string, bigint>();
  for (const line of linesOf(text)) {
    const [name, value] = line.split('=');
    const address = bigintOf(value ?? '');
    if (name === undefined || address === undefined) return undefined;
    table.set(name, address);
  }
  return table;
}

function readRuntimeMap(root: string): Reading<readonly EfiRuntimeEntry[]> {
  const folder = `${FOLDER}/runtime-map`;
  return mapReading(readNames(root, folder), (names) => {
    const numbers = names.map(Number).sort((a, b) => a - b);
    const entries = numbers.map((number) => readRuntimeEntry(root, `${folder}/${number}`));
    return entries.every((entry) => entry !== undefined) ? entries : undefined;
  });
}

function readRuntimeEntry(root: string, folder: string): EfiRuntimeEntry | undefined {
  const field = (name: string): bigint | undefined => {
    const reading = readText(root, `${folder}/${name}`);
    return reading.state === 'read' ? bigintOf(reading.value) : undefined;
  };
  const [type, physicalAddress, virtualAddress, pageCount, attribute] = [
    field('type'),
    field('phys_addr'),
    field('virt_addr'),
    field('num_pages'),
    field('attribute'),
  ];
  if (type === undefined || physicalAddress === undefined || virtualAddress === undefined) return undefined;
  if (pageCount === undefined || attribute === undefined) return undefined;
  return { type: Number(type), physicalAddress, virtualAddress, pageCount, attribute };
}

/** efivarfs puts four bytes of attributes before the value, UEFI 2.10, 3.3: one byte, 1 when enforcing. */
function readSecureBoot(root: string): Reading<boolean> {
  return firstPresent(readSecureBootVariable(root), readSecureBootSeenAtStart(root));
}

/**
 * What the EFI stub found, where efivarfs is not mounted: boot_params.secure_boot,
 * include/linux/efi.h, enum efi_secureboot_mode {unset, unknown, disabled, enabled}.
 */
function readSecureBootSeenAtStart(root: string): Reading<boolean> {
  const SECURE_BOOT = 0x1ec;
  const bytes = readBytes(root, '/sys/kernel/boot_params/data');
  const mode = bytes.state === 'read' ? bytes.value[SECURE_BOOT] : undefined;
  const source = '/sys/kernel/boot_params/data, secure_boot';
  if (mode === 2 || mode === 3) return { state: 'read', value: mode === 3, source };
  return bytes.state === 'unreadable' ? bytes : { state: 'absent', source };
}

function readSecureBootVariable(root: string): Reading<boolean> {
  const path = `${FOLDER}/efivars/SecureBoot-${GLOBAL_VARIABLE}`;
  return mapReading(readBytes(root, path), (bytes) => (bytes.length === 5 ? bytes[4] === 1 : undefined));
}

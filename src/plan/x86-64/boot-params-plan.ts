/**
 * What the next kernel is told: every field of boot_params, the EFI memory map and the list of setup_data.
 * Rules: Documentation/arch/x86/boot.rst and zero-page.rst; arch/x86/kernel/kexec-bzimage64.c for what a
 * kernel hands to its successor.
 * @module
 */
import {
  type BootParams,
  decodeBootParams,
  E820_TABLE_LENGTH,
  type EfiInfo,
} from '../../formats/boot-params.ts';
import { encodeE820 } from '../../formats/e820.ts';
import {
  EFI_MEMORY_DESCRIPTOR_SIZE,
  EFI_MEMORY_DESCRIPTOR_VERSION,
  encodeEfiMemoryMap,
} from '../../formats/efi-memory-map.ts';
import type { MemoryMap } from '../../formats/memory-map.ts';
import type { SetupDataNode } from '../../formats/setup-data.ts';
import type { EfiFacts, MachineFacts } from '../../machine/facts.ts';
import { valueOf } from '../../machine/reading.ts';
import { commandLineValue } from '../command-line.ts';
import { encodeScreenInfo, planScreen } from './screen-handover.ts';

/** "Bootloader-less" loaders register as 0xd: kexec-tools' number with version 0. */
const TYPE_OF_LOADER = 0xd0;
const RNG_SEED_SIZE = 32;
const MIB = 0x10_0000n;

/** How EFI goes over, or why it does not. */
export type EfiHandover =
  | {
      readonly state: 'handed-over';
      readonly memoryMap: Uint8Array;
      readonly node: SetupDataNode;
      readonly info: EfiInfo;
    }
  | { readonly state: 'none' }
  | { readonly state: 'lost'; readonly reason: string };

const NO_EFI: EfiInfo = {
  loaderSignature: 0,
  systemTable: 0n,
  memoryDescriptorSize: 0,
  memoryDescriptorVersion: 0,
  memoryMap: 0n,
  memoryMapSize: 0,
};

/** @param supportsEfiKexec the image's XLF_EFI_KEXEC */
export function planEfiHandover(machine: MachineFacts, supportsEfiKexec: boolean): EfiHandover {
  if (machine.efi.state === 'absent') return { state: 'none' };
  if (machine.efi.state === 'unreadable')
    return { state: 'lost', reason: `${machine.efi.source} cannot be read` };
  const running = valueOf(machine.bootParams);
  if (running === undefined) return { state: 'lost', reason: `${machine.bootParams.source} cannot be read` };
  if (!supportsEfiKexec)
    return { state: 'lost', reason: 'the new kernel cannot take EFI over (XLF_EFI_KEXEC)' };
  const efi = machine.efi.value;
  const missing = (
    [
      ['runtime-map', efi.runtimeMap],
      ['fw_vendor', efi.firmwareVendor],
      ['runtime', efi.runtime],
      ['config_table', efi.configTable],
    ] as const
  ).find(([, reading]) => reading.state !== 'read');
  if (missing !== undefined) return { state: 'lost', reason: `${missing[1].source} is not there` };
  const memoryMap = encodeEfiMemoryMap(valueOf(efi.runtimeMap) ?? []);
  const info = decodeBootParams(running).efiInfo;
  if (info.systemTable === 0n) return { state: 'lost', reason: 'boot_params has no EFI system table' };
  return {
    state: 'handed-over',
    memoryMap,
    node: { type: 'efi', bytes: encodeEfiSetupData(efi) },
    info: {
      ...info,
      memoryDescriptorSize: EFI_MEMORY_DESCRIPTOR_SIZE,
      memoryDescriptorVersion: EFI_MEMORY_DESCRIPTOR_VERSION,
      memoryMapSize: memoryMap.length,
    },
  };
}

/** struct efi_setup_data, arch/x86/include/asm/efi.h: fw_vendor, unused, tables, smbios, 8 reserved. */
function encodeEfiSetupData(efi: EfiFacts): Uint8Array {
  const bytes = new Uint8Array(12 * 8);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, valueOf(efi.firmwareVendor) ?? 0n, true);
  view.setBigUint64(8, valueOf(efi.runtime) ?? 0n, true);
  view.setBigUint64(16, valueOf(efi.configTable) ?? 0n, true);
  view.setBigUint64(24, valueOf(efi.systemTable)?.get('SMBIOS') ?? 0n, true);
  return bytes;
}

/** boot_params of the running kernel, else what EFI says, else the command line; 0 when nothing does. */
export function findRsdp(machine: MachineFacts): bigint {
  const running = valueOf(machine.bootParams);
  const fromParams = running === undefined ? 0n : decodeBootParams(running).acpiRsdpAddress;
  if (fromParams !== 0n) return fromParams;
  const efi = valueOf(machine.efi);
  const table = efi === undefined ? undefined : valueOf(efi.systemTable);
  const fromEfi = table?.get('ACPI20') ?? table?.get('ACPI');
  if (fromEfi !== undefined) return fromEfi;
  const given = commandLineValue(valueOf(machine.commandLine) ?? '', 'acpi_rsdp');
  return given !== undefined && /^(0x)?[0-9a-f]+$/i.test(given)
    ? BigInt(`0x${given.replace(/^0x/i, '')}`)
    : 0n;
}

/** Nodes in list order; entries beyond the table's 128, EFI, the seed and a device tree. */
export function planSetupData(
  map: MemoryMap,
  efi: EfiHandover,
  entropy: Uint8Array,
  deviceTree: Uint8Array | undefined,
): SetupDataNode[] {
  const nodes: SetupDataNode[] = [];
  const overflow = map.slice(E820_TABLE_LENGTH);
  if (overflow.length > 0) nodes.push({ type: 'e820Ext', bytes: encodeE820(overflow) });
  if (efi.state === 'handed-over') nodes.push(efi.node);
  if (deviceTree !== undefined) nodes.push({ type: 'dtb', bytes: deviceTree });
  nodes.push({ type: 'rngSeed', bytes: entropy.subarray(0, RNG_SEED_SIZE) });
  return nodes;
}

/** Physical addresses and sizes of the other segments. */
export interface HandoverAddresses {
  readonly commandLine: bigint;
  readonly initrd: bigint;
  readonly initrdSize: number;
  readonly setupData: bigint;
  readonly efiMemoryMap: bigint;
}

/** @param kernel its setup header, from 0x1f1, and what loadflags shall say */
export function planBootParams(
  machine: MachineFacts,
  { setupHeader, loadFlags }: { readonly setupHeader: Uint8Array; readonly loadFlags: number },
  map: MemoryMap,
  efi: EfiHandover,
  at: HandoverAddresses,
): BootParams {
  const bytes = valueOf(machine.bootParams);
  const running = bytes === undefined ? undefined : decodeBootParams(bytes);
  const altMemK = extendedMemoryKib(map);
  return {
    screenInfo: encodeScreenInfo(planScreen(machine), altMemK),
    acpiRsdpAddress: findRsdp(machine),
    ccBlobAddress: running?.ccBlobAddress ?? 0,
    efiInfo: efi.state === 'handed-over' ? { ...efi.info, memoryMap: at.efiMemoryMap } : NO_EFI,
    altMemK,
    edd: running?.edd ?? {
      entryCount: 0,
      signatureCount: 0,
      signatures: new Uint8Array(0),
      entries: new Uint8Array(0),
    },
    secureBoot: running?.secureBoot ?? 0,
    setupHeader,
    typeOfLoader: TYPE_OF_LOADER,
    loadFlags,
    initrdAddress: at.initrd,
    initrdSize: BigInt(at.initrdSize),
    commandLineAddress: at.commandLine,
    hardwareSubarch: running?.hardwareSubarch ?? 0,
    setupData: at.setupData,
    e820: map.slice(0, E820_TABLE_LENGTH),
  };
}

/** KiB above 1 MiB in the range that holds 1 MiB, as the BIOS would have said. */
function extendedMemoryKib(map: MemoryMap): number {
  const range = map.find((entry) => entry.type === 'ram' && entry.start <= MIB && MIB < entry.end);
  const kib = range === undefined ? 0n : (range.end - MIB) / 1024n;
  return Number(kib > 0xffffffffn ? 0xffffffffn : kib);
}

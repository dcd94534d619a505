/**
 * The UEFI firmware of the host's ovmf package.
 * @module
 */
import { stat } from 'node:fs/promises';
import { KhopError } from '../error.ts';
import type { LabFirmware } from './qemu.ts';

const FOLDER = '/usr/share/OVMF';
/** Code and variables belong together; the newer, larger pair first. */
const PAIRS = [
  { code: `${FOLDER}/OVMF_CODE_4M.fd`, variables: `${FOLDER}/OVMF_VARS_4M.fd` },
  { code: `${FOLDER}/OVMF_CODE.fd`, variables: `${FOLDER}/OVMF_VARS.fd` },
];

/** The kinds of firmware a lab machine can have. */
export type FirmwareKind = Exclude<LabFirmware['kind'], 'none'>;

/** @throws E_LAB when ovmf is not installed */
export async function labFirmware(kind: FirmwareKind): Promise<LabFirmware> {
  if (kind !== 'ovmf') return { kind };
  for (const pair of PAIRS)
    if ((await stat(pair.code).catch(() => undefined)) !== undefined) return { kind, ...pair };
  throw new KhopError('E_LAB', `no UEFI firmware for virtual machines in ${FOLDER}`, {
    hint: 'Install the package ovmf.',
  });
}

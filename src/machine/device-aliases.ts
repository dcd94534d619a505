/**
 * The modaliases of the devices that are there: what the kernel told user space when it found them, and by
 * which modules were chosen. Documentation/driver-api/driver-model; drivers/base/bus.c; each bus writes its own
 * form, see scripts/mod/file2alias.c.
 * @module
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Reading } from './reading.ts';
import { readLinkName, readText } from './source.ts';

/** A device that can be asked a driver for, or has one. */
export interface DeviceAlias {
  /** Below /sys/devices. */
  readonly path: string;
  /** `pci:v00001AF4d00001001sv...`; undefined where the bus gives its devices none. */
  readonly modalias: string | undefined;
  /** Module of the driver that is bound; a driver that is built in has none. */
  readonly module: string | undefined;
}

const TOP = '/sys/devices';
/** Large servers have some ten thousand folders here. */
const FOLDER_LIMIT = 500_000;

/**
 * Every device below /sys/devices that has a modalias or a driver from a module, in the order of their paths.
 * Links are not followed: each device is in one place. A device that goes away meanwhile is left out.
 */
export function readDeviceAliases(root: string): Reading<readonly DeviceAlias[]> {
  const found: DeviceAlias[] = [];
  const pending = [TOP];
  let folders = 0;
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    if (++folders > FOLDER_LIMIT)
      return { state: 'unreadable', source: TOP, reason: `it has more than ${FOLDER_LIMIT} folders` };
    const content = readFolder(root, path);
    if (content.state === 'absent' && path !== TOP) continue;
    if (content.state !== 'read') return content;
    const { folders: below, others } = content.value;
    pending.push(...below.map((name) => `${path}/${name}`).toReversed());
    const modalias = readModalias(root, path, others);
    if (modalias.state === 'unreadable') return modalias;
    const module = others.has('driver') ? readLinkName(root, `${path}/driver/module`) : undefined;
    if (module?.state === 'unreadable') return module;
    const device = {
      path,
      modalias: modalias.state === 'read' ? modalias.value : undefined,
      module: module?.state === 'read' ? module.value : undefined,
    };
    if (device.modalias !== undefined || device.module !== undefined) found.push(device);
  }
  return { state: 'read', value: found, source: TOP };
}

interface FolderContent {
  readonly folders: readonly string[];
  /** Files and links. */
  readonly others: ReadonlySet<string>;
}

function readFolder(root: string, path: string): Reading<FolderContent> {
  try {
    const entries = readdirSync(join(root, path), { withFileTypes: true });
    const [folders, others] = [true, false].map((wanted) =>
      entries.filter((entry) => entry.isDirectory() === wanted).map(({ name }) => name),
    ) as [string[], string[]];
    return { state: 'read', value: { folders: folders.sort(), others: new Set(others) }, source: path };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    if (code === 'ENOENT') return { state: 'absent', source: path };
    return { state: 'unreadable', source: path, reason: code };
  }
}

/** The attribute of that name; some buses have it only among the variables of their events. */
function readModalias(root: string, path: string, files: ReadonlySet<string>): Reading<string> {
  if (files.has('modalias')) return nonEmpty(readText(root, `${path}/modalias`));
  const source = `${path}/uevent`;
  if (!files.has('uevent')) return { state: 'absent', source };
  const event = readText(root, source);
  if (event.state !== 'read') return event;
  const value = /^MODALIAS=(.*)$/m.exec(event.value)?.[1] ?? '';
  return nonEmpty({ state: 'read', value, source });
}

function nonEmpty(reading: Reading<string>): Reading<string> {
  if (reading.state !== 'read' || reading.value !== '') return reading;
  return { state: 'absent', source: reading.source };
}

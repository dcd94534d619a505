/**
 * The crashes of a machine: /var/lib/khop/crashes/ID/. The files in a folder are what the capture left; report.json
 * beside them is made of them, again whenever they have changed, so that it is never older than they are.
 * @module
 */
import { KhopError } from '../error.ts';
import { readFileText, readFolderNames, sizesOnDisk } from '../machine/crash-folder.ts';
import { writeDurably } from '../machine/durable-file.ts';
import type { Reading } from '../machine/reading.ts';
import { buildCrashReport } from './build-crash-report.ts';
import { type CrashReport, decodeCrashReport, encodeCrashReport, isNewerReport } from './crash-report.ts';
import { ENCRYPTED_FILES } from './crashes-folder.ts';

/** The reports there are, oldest first. */
export interface CrashList {
  readonly folder: string;
  readonly reports: readonly CrashReport[];
  /** One sentence for each report that could not be written or read, and for folders that are none. */
  readonly remarks: readonly string[];
}

const REPORT = 'report.json';
/** Names that are safe to be part of a path and to print. */
const ID = /^[A-Za-z0-9][\w.+~:-]{0,200}$/;
/** What a capture did not get done; the whole of it may have come home in memory. */
const PARTIAL = '.partial';

/** @throws E_UNREADABLE when the folder is there, but cannot be read */
export function listCrashes(stateFolder: string): CrashList {
  const folder = `${stateFolder}/crashes`;
  const remarks: string[] = [];
  const names = readCrashNames(folder);
  const ids = names.filter((name) => ID.test(name));
  const others = names.length - ids.length;
  if (others > 0)
    remarks.push(
      `${folder} holds ${others} ${others === 1 ? 'folder that is no crash' : 'folders that are no crashes'}`,
    );
  return { folder, reports: ids.map((id) => readCrash(folder, id, remarks)), remarks };
}

/**
 * The crash that `asked` names: `last`, an id, or a beginning that only one has.
 * @throws E_NOT_FOUND
 */
export function findCrash(
  stateFolder: string,
  asked: string,
): { report: CrashReport; remarks: readonly string[] } {
  const folder = `${stateFolder}/crashes`;
  const ids = readCrashNames(folder).filter((name) => ID.test(name));
  const found =
    asked === 'last'
      ? ids.slice(-1)
      : ids.includes(asked)
        ? [asked]
        : ids.filter((id) => id.startsWith(asked));
  const remarks: string[] = [];
  if (found.length === 1) return { report: readCrash(folder, found[0]!, remarks), remarks };
  throw new KhopError(
    'E_NOT_FOUND',
    found.length > 1
      ? `${found.length} crashes begin with ${asked}: ${found.slice(0, 5).join(', ')}`
      : ids.length === 0
        ? `there are no crashes in ${folder}`
        : `no crash is called ${asked}`,
    { hint: 'khop crashes shows those there are; `last` is the newest.' },
  );
}

/** Of the names of folders those that are crashes. */
export function crashIdsAmong(names: readonly string[]): readonly string[] {
  return withoutDoubles(names).filter((name) => ID.test(name));
}

/** The name that a folder has until it is whole. */
export function partOf(name: string): string {
  return `${name}${PARTIAL}`;
}

/** The name of the whole folder of which this one is a part; undefined when it is no part. */
export function wholeOf(name: string): string | undefined {
  return name.endsWith(PARTIAL) ? name.slice(0, -PARTIAL.length) : undefined;
}

function withoutDoubles(names: readonly string[]): readonly string[] {
  return names.filter((name) => !names.includes(wholeOf(name) ?? ''));
}

function readCrashNames(folder: string): readonly string[] {
  const names = readFolderNames(folder);
  if (names.state === 'read') return withoutDoubles(names.value);
  if (names.state === 'absent') return [];
  throw new KhopError('E_UNREADABLE', `${folder} cannot be read: ${names.reason}`, {
    hint: 'Reports of crashes hold what the kernel logged, so only root may read them.',
  });
}

function readCrash(folder: string, id: string, remarks: string[]): CrashReport {
  const place = `${folder}/${id}`;
  const read = (name: string) => readFileText(place, name);
  const encrypted = sizesOnDisk(place, ENCRYPTED_FILES).map(({ name }) => name);
  const readMaybeEncrypted = (name: string) => openable(read(name), `${name}.age`, { id, place, encrypted });
  const stored = read(REPORT);
  const dmesg = readMaybeEncrypted('dmesg.txt');
  const chain = read('chain.txt');
  const isNewer = stored.state === 'read' && isNewerReport(stored.value);
  const before =
    stored.state === 'read' ? decodeStored(stored.value, `${place}/${REPORT}`, remarks) : undefined;
  // Whoever keeps reports and removes logs keeps what was derived.
  if (before !== undefined && dmesg.state === 'absent' && chain.state === 'absent') return before;
  const report = buildCrashReport({
    id,
    dmesg,
    records: undefined,
    chain,
    vmcoreinfo: readMaybeEncrypted('vmcoreinfo.txt'),
    encrypted,
  });
  const text = encodeCrashReport(report);
  if (!isNewer && (stored.state !== 'read' || stored.value !== text)) {
    try {
      writeDurably(`${place}/${REPORT}`, text);
    } catch (error) {
      remarks.push(`${place}/${REPORT} cannot be written: ${(error as Error).message}`);
    }
  }
  return report;
}

/** What is there only encrypted says how it is opened. */
function openable(
  reading: Reading<string>,
  name: string,
  crash: { readonly id: string; readonly place: string; readonly encrypted: readonly string[] },
): Reading<string> {
  if (reading.state !== 'absent' || !crash.encrypted.includes(name)) return reading;
  const how = `khop crashes show ${crash.id} --identity KEY, or age -d -i KEY ${crash.place}/${name}`;
  return { state: 'unreadable', source: `${crash.place}/${name}`, reason: `it is encrypted: ${how}` };
}

/** A report that is damaged is made again; one of a newer khop is left as it is. */
function decodeStored(text: string, path: string, remarks: string[]): CrashReport | undefined {
  try {
    return decodeCrashReport(text, path);
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    remarks.push(error.message);
    return undefined;
  }
}

/**
 * The report of a crash, written by the system that goes on after it: the same folder that the capture program would
 * have written, made of /proc/vmcore.
 * @module
 */
import { KhopError } from '../error.ts';
import { readCrashLog } from '../formats/vmcore/crash-log.ts';
import { openKernelMemory } from '../formats/vmcore/kernel-memory.ts';
import { type CrashLogRecord, formatLogRecord, type LostRecords } from '../formats/vmcore/log-record.ts';
import { openDump } from '../formats/vmcore/open-dump.ts';
import { parseVmcoreinfo } from '../formats/vmcore/vmcoreinfo.ts';
import { crashedMemoryPath } from '../machine/crash-facts.ts';
import { hasFolder, publishFolder } from '../machine/crash-folder.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import { openSourceFile } from '../machine/source-file.ts';
import type { SwitchWorld } from '../switch/world.ts';
import type { ChainStepName } from './capture-chain.ts';
import { type Continuing, continuedCrashPath, readContinuing } from './continuing.ts';
import { crashesFolder } from './crashes-folder.ts';

/** What was done about the crash. */
export interface ContinuedCrash {
  /** Without `crash` when its folder could not be written. */
  readonly continuing: Continuing;
  /** Whether it was written, or finished, just now; false in a second run. */
  readonly isNew: boolean;
  /** Why something of the report is missing; undefined when it is whole. */
  readonly obstacle: string | undefined;
}

/** Names of releases are below 65 bytes, __NEW_UTS_LEN. */
const RELEASE_LENGTH = 64;
/** KERN_WARNING, for a record without a level. */
const NO_LEVEL = 4;

/** Undefined in a system that was started in any other way. Called again, it writes only what it could not before. */
export function saveContinuedCrash(world: SwitchWorld, machine: MachineFacts): ContinuedCrash | undefined {
  const continuing = readContinuing(world, machine);
  if (continuing === undefined) return undefined;
  const folder = crashesFolder(world.folders);
  if (continuing.crash !== undefined && hasFolder(`${folder}/${continuing.crash}`))
    return { continuing, isNew: false, obstacle: undefined };
  const chain: string[] = [];
  const mark = (step: ChainStepName, reason?: string): void => {
    const ms = Math.round(valueOf(world.readMachine().uptimeMs) ?? 0);
    chain.push(`${step} ${ms}${reason === undefined ? '' : ` ${reason}`}\n`);
  };
  mark('captured');
  const left = readCrashed(world.folders.root);
  const crash = nameCrash(left.vmcoreinfo, world.nowMs());
  const saved = { continuing: { ...continuing, crash }, obstacle: left.obstacle };
  if (left.dmesg !== undefined) mark('log-read');
  const files = new Map<string, string>([['chain.txt', chain.join('')]]);
  if (left.dmesg !== undefined) files.set('dmesg.txt', left.dmesg);
  if (left.vmcoreinfo !== undefined) files.set('vmcoreinfo.txt', left.vmcoreinfo);
  const chainPath = `${folder}/${crash}/chain.txt`;
  try {
    // A run that died on the way left the folder, and nobody was told of it.
    if (!hasFolder(`${folder}/${crash}`)) publishFolder(folder, crash, files);
    if (!/^continue /m.test(world.files.read(chainPath) ?? '')) {
      chain.length = 0;
      mark('report', left.obstacle);
      mark('continue', `in ${wordsOf(continuing)}`);
      world.files.append(chainPath, chain.join(''));
    }
    world.files.write(continuedCrashPath(world.folders), `${crash}\n`);
  } catch (error) {
    const obstacle = `${folder}/${crash} cannot be written: ${(error as Error).message}`;
    return { continuing, isNew: true, obstacle };
  }
  return { ...saved, isNew: true };
}

/** `460 MiB, on 1 CPU`. */
export function wordsOf({ memoryBytes, cpus }: Continuing): string {
  const memory = memoryBytes === undefined ? 'little memory' : `${memoryBytes >> 20n} MiB`;
  return `${memory}, on ${cpus ?? '?'} ${cpus === 1 ? 'CPU' : 'CPUs'}`;
}

/** What the dead kernel left, as far as it can be read. */
interface Crashed {
  readonly dmesg: string | undefined;
  readonly vmcoreinfo: string | undefined;
  readonly obstacle: string | undefined;
}

function readCrashed(root: string): Crashed {
  let vmcoreinfo: string | undefined;
  try {
    using file = openSourceFile(crashedMemoryPath(root));
    const dump = openDump(file);
    if (dump.vmcoreinfo !== undefined)
      vmcoreinfo = Buffer.from(dump.vmcoreinfo)
        .toString('latin1')
        .replace(/\0[\s\S]*$/, '');
    const { records, lost } = readCrashLog(openKernelMemory(dump));
    return { dmesg: records.map(rawLines).join(''), vmcoreinfo, obstacle: describeLost(lost) };
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return { dmesg: undefined, vmcoreinfo, obstacle: error.message.split('\n', 1)[0] };
  }
}

function describeLost(lost: readonly LostRecords[]): string | undefined {
  const [first] = lost;
  if (first === undefined) return undefined;
  const count = lost.reduce((sum, each) => sum + each.count, 0);
  return `${count} ${count === 1 ? 'record of the kernel log is' : 'records of the kernel log are'} lost: ${first.reason}`;
}

/** As `dmesg -r` prints it: facility and level, seconds, text; each line of a record with its stamp. */
function rawLines(record: CrashLogRecord): string {
  const { facility = 0, level = NO_LEVEL } = record;
  const lines = record.text.replace(/\n$/, '').split('\n');
  return lines
    .map((text) => `${formatLogRecord({ ...record, text }, `<${facility * 8 + level}>`)}\n`)
    .join('');
}

/** `2026-11-29T003000Z-6.1.0-50-amd64`, as the capture program names it. */
function nameCrash(vmcoreinfo: string | undefined, nowMs: number): string {
  const info = parseVmcoreinfo(Buffer.from(vmcoreinfo ?? ''));
  const told = info.get('CRASHTIME') ?? '';
  const at = /^\d{1,11}$/.test(told) ? Number(told) * 1000 : nowMs;
  const time = new Date(at)
    .toISOString()
    .replace(/\.\d{3}/, '')
    .replaceAll(':', '');
  const release = (info.get('OSRELEASE') ?? '').replaceAll(/[^\w.+~:-]/g, '').slice(0, RELEASE_LENGTH);
  return release === '' ? time : `${time}-${release}`;
}

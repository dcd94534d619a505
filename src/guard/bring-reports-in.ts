/**
 * Reports that the capture put elsewhere come to the usual folder once the machine is home, where every other part of
 * khop looks for them. Dumps stay where they are: they are large, and were sent away for that.
 * @module
 */
import { join } from 'node:path';
import { KhopError } from '../error.ts';
import { readFileText, readFolderNames, removeCrashFiles } from '../machine/crash-folder.ts';
import { eraseRawAreaReport, findPartition, readRawAreaReport } from '../machine/raw-area.ts';
import { valueOf } from '../machine/reading.ts';
import { findMount } from '../machine/report-place.ts';
import type { SwitchWorld } from '../switch/world.ts';
import { crashesFolder, REPORT_FILES } from './crashes-folder.ts';
import { readGuardSettings } from './guard-status.ts';
import { printReportTarget, type ReportTarget } from './report-target.ts';

/** What became of reports that lay elsewhere. */
interface BroughtIn {
  /** Ids of those that came in. */
  readonly ids: readonly string[];
  /** One sentence for each that could not be brought in. */
  readonly remarks: readonly string[];
  /** Where reports are sent to, and stay. */
  readonly sentTo: string | undefined;
}

type Remarks = readonly string[];
type FromElsewhere<Kind> = Extract<ReportTarget, { kind: Kind }>;

/** As the capture program names them. */
const NAME = /^\d{4}-\d\d-\d\dT\d{6}Z[\w.+~:-]{0,200}$/;

/** Each report is durable here before it goes there. Never throws. */
export function bringReportsIn(world: SwitchWorld): BroughtIn {
  const ids: string[] = [];
  const outcome = (remarks: Remarks, sentTo?: string): BroughtIn => ({ ids, remarks, sentTo });
  try {
    const to = readGuardSettings(world)?.to;
    if (to?.kind === 'raw') return outcome(fromRawArea(world, to, ids));
    if (to?.kind === 'file-system') return outcome(fromFileSystem(world, to, ids));
    return outcome([], to === undefined || to.kind === 'folder' ? undefined : printReportTarget(to));
  } catch (error) {
    if (error instanceof KhopError || (error as NodeJS.ErrnoException).code !== undefined)
      return outcome([`a report could not be brought in: ${(error as Error).message}`]);
    throw error;
  }
}

function fromRawArea(world: SwitchWorld, to: FromElsewhere<'raw'>, ids: string[]): Remarks {
  const { root } = world.folders;
  const device = valueOf(findPartition(root, to.partition));
  if (device === undefined)
    return [`${printReportTarget(to)} is not there, so nobody knows of a report in it`];
  const report = readRawAreaReport(join(root, device));
  if (report.state === 'empty') return [];
  if (report.state === 'damaged') return [`the report in ${device} is damaged: ${report.problem}`];
  if (!NAME.test(report.name)) return [`the report in ${device} has a name that no capture gives`];
  const folder = `${crashesFolder(world.folders)}/${report.name}`;
  for (const { name, bytes } of report.files)
    if (REPORT_FILES.some((each) => each === name))
      world.files.write(`${folder}/${name}`, Buffer.from(bytes).toString('utf8'));
  // Last, since it is what others take the folder by.
  world.files.write(`${folder}/chain.txt`, withHome(report.steps, folder));
  ids.push(report.name);
  eraseRawAreaReport(join(root, device));
  return [];
}

function fromFileSystem(world: SwitchWorld, to: FromElsewhere<'file-system'>, ids: string[]): Remarks {
  const { root } = world.folders;
  const mountPoint = valueOf(findMount(root, to.uuid));
  if (mountPoint === undefined)
    return [`${printReportTarget(to)} is not mounted, so nobody knows of a report in it`];
  const from = join(root, mountPoint, to.folder);
  const home = crashesFolder(world.folders);
  if (from === home) return [];
  for (const id of (valueOf(readFolderNames(from)) ?? []).filter((name) => NAME.test(name))) {
    const texts = REPORT_FILES.map((name) => ({ name, text: valueOf(readFileText(`${from}/${id}`, name)) }));
    if (texts.every(({ text }) => text === undefined)) continue;
    for (const { name, text } of texts)
      if (text !== undefined)
        world.files.write(
          `${home}/${id}/${name}`,
          name === 'chain.txt' ? withHome(text, `${home}/${id}`) : text,
        );
    ids.push(id);
    for (const { name } of texts) removeCrashFiles(`${from}/${id}/${name}`);
  }
  return [];
}

/** The steps with that of the kernel at home, if it has come up already by what came home in memory. */
function withHome(steps: string, folder: string): string {
  const lines = (valueOf(readFileText(folder, 'chain.txt')) ?? '').split('\n');
  const home = lines.find((line) => line.startsWith('home '));
  if (home === undefined) return steps;
  return `${steps}${steps === '' || steps.endsWith('\n') ? '' : '\n'}${home}\n`;
}

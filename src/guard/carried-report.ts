/**
 * The report that came home in memory: it becomes a folder like any other when the panic kernel could not write one.
 * @module
 */
import { KhopError } from '../error.ts';
import { hasMemoryReport, parseMemoryReport } from '../formats/memory-report.ts';
import { readFileText } from '../machine/crash-folder.ts';
import { readSetupData } from '../machine/setup-data.ts';
import type { SwitchWorld } from '../switch/world.ts';
import { crashesFolder, REPORT_FILES } from './crashes-folder.ts';

/** What became of the report in memory. */
export interface CarriedReport {
  /** Of the folder that was written; undefined when there is nothing to write. */
  readonly id: string | undefined;
  /** Why it could not be written or read; undefined when nothing is wrong. */
  readonly problem: string | undefined;
}

const NOTHING: CarriedReport = { id: undefined, problem: undefined };

/**
 * Writes the files of the report, unless its folder has them. As long as this boot lasts, it can be tried again.
 * @param arming of the guard that brought this kernel up
 */
export function keepCarriedReport(world: SwitchWorld, arming: string): CarriedReport {
  const node = readSetupData(world.folders.root, 'khopReport');
  if (node.state === 'absent') return NOTHING;
  if (node.state === 'unreadable') return { ...NOTHING, problem: `${node.source}: ${node.reason}` };
  if (!hasMemoryReport(node.value, arming)) return NOTHING;
  try {
    const { id, files, isWhole } = parseMemoryReport(node.value);
    const folder = `${crashesFolder(world.folders)}/${id}`;
    const problem = isWhole ? undefined : 'something wrote into the report on its way home: mind its gaps';
    if (readFileText(folder, 'chain.txt').state === 'read') return NOTHING;
    return { id, problem: writeFiles(world, folder, files) ?? problem };
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return { ...NOTHING, problem: error.message };
  }
}

function writeFiles(
  world: SwitchWorld,
  folder: string,
  files: ReadonlyMap<string, Uint8Array>,
): string | undefined {
  for (const name of REPORT_FILES) {
    const bytes = files.get(name);
    if (bytes === undefined) continue;
    try {
      world.files.write(`${folder}/${name}`, Buffer.from(bytes).toString('utf8'));
    } catch (error) {
      return `the report came home in memory, and ${folder} cannot be written: ${(error as Error).message}`;
    }
  }
  return undefined;
}

/**
 * A dump that was named on the command line, opened.
 * @module
 */
import type { CrashedMemory } from '../formats/vmcore/crashed-memory.ts';
import { findVmcoreinfo } from '../formats/vmcore/find-vmcoreinfo.ts';
import { openDump } from '../formats/vmcore/open-dump.ts';
import { openSourceFile } from '../machine/source-file.ts';
import type { CliContext } from './context.ts';

/** Calls `work` with the dump at `path`, whose VMCOREINFO is searched for when the file does not name it. */
export function withDumpFile<T>(
  path: string,
  context: Pick<CliContext, 'remark'>,
  work: (dump: CrashedMemory, fileSize: number) => T,
): T {
  using file = openSourceFile(path);
  const dump = openDump(file);
  if (dump.vmcoreinfo !== undefined) return work(dump, file.size);
  context.remark('The file does not say where VMCOREINFO is; looking for it in all of the memory ...');
  return work({ ...dump, vmcoreinfo: findVmcoreinfo(dump) }, file.size);
}

/**
 * Any dump of memory that khop reads, told by its first bytes.
 * @module
 */
import { KhopError } from '../../error.ts';
import { type ByteSource, cacheSource } from '../byte-source.ts';
import { isElf } from '../elf.ts';
import type { CrashedMemory } from './crashed-memory.ts';
import { openElfDump } from './elf-dump.ts';
import { isFlattened, openFlattened } from './flattened-stream.ts';
import { openKdumpDump } from './kdump-dump.ts';
import { isKdump } from './kdump-header.ts';

/**
 * Reads the headers of a dump. A damaged or incomplete one is opened as far as it goes; see `problems`.
 * @throws E_FORMAT when it is no dump or its headers are damaged; E_UNSUPPORTED for 32-bit and big-endian dumps
 */
export function openDump(source: ByteSource): CrashedMemory {
  if (!isFlattened(source)) return openPlain(cacheSource(source), false);
  const file = openFlattened(source);
  const dump = openPlain(cacheSource(file), true);
  return file.problem === undefined ? dump : { ...dump, problems: [file.problem, ...dump.problems] };
}

function openPlain(source: ByteSource, wasFlattened: boolean): CrashedMemory {
  if (isKdump(source)) return openKdumpDump(source, wasFlattened);
  if (isElf(source.read(0, 4))) return openElfDump(source, wasFlattened);
  throw new KhopError('E_FORMAT', `${source.name} is no dump of memory`, {
    hint: 'ELF, kdump-compressed and flattened dumps can be read; unpack a compressed file first.',
  });
}

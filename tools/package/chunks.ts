/**
 * khop inside its executable: chunks of JavaScript (see bundle.ts), each compiled and evaluated when another
 * first asks for it, so that a command costs what it uses.
 * @module
 */
import { dirname } from 'node:path';
import { Script } from 'node:vm';

/** The chunk of src/cli/main.ts. Chunks ask for each other by names of this form. */
export const MAIN_CHUNK = './main.js';

/** A chunk: the text of a `ChunkFunction`, ASCII, and V8's code cache for it where there is one. */
export interface Chunk {
  readonly source: Uint8Array;
  readonly codeCache: Uint8Array | undefined;
}

/** The parameters have the names that CommonJS gave them. */
type ChunkFunction = (
  require: (name: string) => unknown,
  module: { exports: object },
  exports: object,
  __filename: string,
  __dirname: string,
) => void;

/** Name of the code cache of the chunk `name`. */
export function codeCacheName(name: string): string {
  return `${name}.cache`;
}

/** Both the maker and the user of a code cache compile like this: V8 takes it for the same source only. */
export function compileChunk(name: string, { source, codeCache }: Chunk): Script {
  const text = Buffer.from(source.buffer, source.byteOffset, source.byteLength).toString('latin1');
  return new Script(text, { filename: name, ...(codeCache && { cachedData: codeCache }) });
}

/** Runs khop with this process's arguments. @param executable where it is, for what lies beside it */
export function runChunks(compiled: (name: string) => Script, executable: string): void {
  const folder = dirname(executable);
  const modules = new Map<string, { exports: object }>();
  const require = (name: string): unknown => {
    const known = modules.get(name);
    if (known !== undefined) return known.exports;
    const module = { exports: {} };
    modules.set(name, module);
    const evaluate: ChunkFunction = compiled(name).runInThisContext();
    evaluate(require, module, module.exports, executable, folder);
    return module.exports;
  };
  require(MAIN_CHUNK);
}

/**
 * Runs khop's chunks and then writes V8's code caches for all of them: with the functions that this run has
 * called, which are those of every start. Run by the Node.js that the caches are for:
 *
 *   node record-code-caches.ts FOLDER KHOP-ARGUMENT...
 * @module
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Script } from 'node:vm';
import { codeCacheName, compileChunk, runChunks } from './chunks.ts';

const [node = '', , folder = '', ...words] = process.argv;
const scripts = new Map<string, Script>();

function compiled(name: string): Script {
  const script =
    scripts.get(name) ??
    compileChunk(name, { source: readFileSync(join(folder, name)), codeCache: undefined });
  scripts.set(name, script);
  return script;
}

process.argv = [node, 'khop', ...words];
process.once('exit', () => {
  for (const file of readdirSync(folder).filter((entry) => entry.endsWith('.js')))
    writeFileSync(join(folder, codeCacheName(file)), compiled(`./${file}`).createCachedData());
});
runChunks(compiled, node);

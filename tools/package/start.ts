/**
 * What the executable starts with: khop's chunks and their code caches are its assets. Node.js's own
 * `useCodeCache` would keep only what compiling gives; these also have the functions that a start calls.
 * @module
 */
import { getAssetKeys, getRawAsset } from 'node:sea';
import { codeCacheName, compileChunk, runChunks } from './chunks.ts';

const names = new Set(getAssetKeys());

/** The executable's own pages, not a copy. */
function asset(name: string): Uint8Array {
  return new Uint8Array(getRawAsset(name));
}

runChunks((name) => {
  const cache = codeCacheName(name);
  return compileChunk(name, {
    source: asset(name),
    codeCache: names.has(cache) ? asset(cache) : undefined,
  });
}, process.execPath);

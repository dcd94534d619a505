import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decompress } from '../../src/formats/compression.ts';
import { packingInputs, packWith, whyNot } from '../support/packing-tools.ts';

const TOOLS: readonly (readonly [tool: string, ...args: string[]])[] = [
  ['gzip', '-1c'],
  ['gzip', '-9c'],
  ['zstd', '-1', '-c'],
  ['zstd', '-19', '--no-check', '-c'],
  ['zstd', '--ultra', '-22', '--long=27', '-c'],
  ['lzma', '-1', '-c'],
  ['lz4', '-l', '-1', '-c'],
  ['lz4', '-l', '-9', '-c'],
  ['lz4', '-1', '-B4', '-BD', '-BX', '-c'],
  ['lz4', '-9', '-B7', '--content-size', '-c'],
  ['lz4', '-9', '--no-frame-crc', '-BI', '-c'],
  ['bzip2', '-1', '-c'],
  ['bzip2', '-9', '-c'],
  ['lzop', '-1', '-c'],
  ['lzop', '-9', '--crc32', '-c'],
  ['lzop', '-F', '-c'],
];

for (const [tool, ...args] of TOOLS)
  test(`what ${tool} ${args.join(' ')} packs comes back`, { skip: whyNot(tool) }, () => {
    for (const content of packingInputs()) {
      const unpacked = decompress(packWith(tool, args, content), {
        name: tool,
        maxOutputBytes: content.length,
      });
      assert.ok(Buffer.from(unpacked).equals(content));
    }
  });

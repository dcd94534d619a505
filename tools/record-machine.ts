/**
 * Records what `readMachine` and `readInitramfsNeeds` read into one JSON file, a fixture of the readers' tests:
 *
 *   node tools/record-machine.ts FILE [--scrub] [--command-line TEXT] [--replace FROM=TO]... [--skip PATH]...
 *
 * `--scrub` takes out what identifies the machine and its owner; look through the result all the same.
 * In the end the recording is read back and compared with the machine, reading by reading.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readDeviceAliases } from '../src/machine/device-aliases.ts';
import { readInitramfsNeeds } from '../src/machine/initramfs-needs.ts';
import { readMachine } from '../src/machine/read-machine.ts';
import { type Reading, valueOf } from '../src/machine/reading.ts';
import { buildTree, encodeRecordedTree, type TreeFiles } from '../test/support/tree-builder.ts';
import { RECORDED_PATHS } from './record-machine/paths.ts';
import { expandPattern, Recorder } from './record-machine/recorder.ts';
import { Scrubber } from './record-machine/scrub.ts';

/** Every reading of a value, by its path. */
function readings(value: unknown, path = ''): [string, Reading<unknown>][] {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return [];
  if ('state' in value && 'source' in value) return [[path, value as Reading<unknown>]];
  return Object.entries(value).flatMap(([name, inner]) => readings(inner, `${path}.${name}`));
}

function readAll(root: string): [string, Reading<unknown>][] {
  return readings({ ...readMachine(root), needs: readInitramfsNeeds(root) });
}

/** Readings whose outcome is not the same in the recording. */
function differences(files: TreeFiles): string[] {
  using tree = buildTree(files);
  const recorded = new Map(readAll(tree.root));
  return readAll('/')
    .filter(([path, live]) => recorded.get(path)?.state !== live.state)
    .map(
      ([path, live]) => `${path.slice(1)}: ${live.state} here, ${recorded.get(path)?.state} in the recording`,
    );
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    scrub: { type: 'boolean', default: false },
    'command-line': { type: 'string' },
    replace: { type: 'string', multiple: true, default: [] },
    skip: { type: 'string', multiple: true, default: [] },
  },
});
const target = positionals[0];
if (target === undefined) {
  process.stderr.write('usage: node tools/record-machine.ts FILE [--scrub] ...\n');
  process.exit(2);
}
const recorder = new Recorder(
  new Scrubber({
    isScrubbing: values.scrub,
    commandLine: values['command-line'],
    replacements: values.replace.map((pair) => {
      const [from = '', to = ''] = pair.split('=');
      return [from, to] as const;
    }),
  }),
);
const isSkipped = (path: string): boolean => values.skip.some((start) => path.startsWith(start));
for (const path of RECORDED_PATHS.flatMap(expandPattern)) if (!isSkipped(path)) recorder.record(path);
for (const path of expandPattern('/sys/class/block/*'))
  if (!isSkipped(path)) recorder.recordDriversAbove(path);
for (const { path } of valueOf(readDeviceAliases('/')) ?? [])
  for (const name of ['modalias', 'uevent', 'driver', 'driver/module'])
    if (!isSkipped(path)) recorder.record(`${path}/${name}`);
writeFileSync(target, encodeRecordedTree(recorder.files));
for (const line of recorder.left) process.stderr.write(`left out: ${line}\n`);
process.stderr.write(`${Object.keys(recorder.files).length} files recorded in ${target}.\n`);
const differing = differences(recorder.files);
for (const line of differing) process.stderr.write(`${line}\n`);
process.exitCode = differing.length === 0 ? 0 : 1;

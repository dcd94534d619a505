/**
 * `npm run package`: dist/khop, one executable, with koffi.node beside it.
 * @module
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');
const DIST = join(ROOT, 'dist');
const inDist = (name: string): string => join(DIST, name);

mkdirSync(DIST, { recursive: true });
await build({
  entryPoints: [join(ROOT, 'src/cli/main.ts')],
  outfile: inDist('khop.mjs'),
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node26',
  external: ['koffi'],
});
// Stripped before the program is put in: afterwards the note that holds it would be damaged.
execFileSync('strip', ['-o', inDist('node'), process.execPath]);
const settings = {
  main: inDist('khop.mjs'),
  mainFormat: 'module',
  executable: inDist('node'),
  output: inDist('khop'),
  disableExperimentalSEAWarning: true,
};
writeFileSync(inDist('sea.json'), JSON.stringify(settings));
execFileSync(process.execPath, ['--build-sea', inDist('sea.json')], { stdio: 'inherit' });
copyFileSync(
  join(ROOT, 'node_modules', '@koromix/koffi-linux-x64/linux_x64/koffi.node'),
  inDist('koffi.node'),
);
console.log(`${inDist('khop')}: ${statSync(inDist('khop')).size} bytes`);

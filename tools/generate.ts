/**
 * `npm run generate`: writes the files that follow from the commands. They are tracked, and a test compares.
 * @module
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { generatedFiles } from './generate/generated-files.ts';

for (const [path, text] of Object.entries(generatedFiles())) {
  const file = join(import.meta.dirname, '..', path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  console.log(path);
}

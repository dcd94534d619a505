/**
 * The text files of a recorded installation, with images and initrds put in their places.
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { buildBzImage } from './bzimage-builder.ts';
import { type BuiltTree, buildTree, type TreeFiles } from './tree-builder.ts';

const FIXTURES = join(import.meta.dirname, '../kernels/fixtures');

/** The files below test/kernels/fixtures/NAME. */
export function readFixture(name: string): TreeFiles {
  const folder = join(FIXTURES, name);
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return Object.fromEntries(
    files.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [relative(folder, path), readFileSync(path)] as const;
    }),
  );
}

/** A bzImage whose header says `release`. */
export function imageOf(release: string): Uint8Array {
  return buildBzImage({ kernelVersion: `${release} (builder@host) #1 SMP` });
}

/** A whole installation in a fresh folder: the recorded texts, the pairs `image -> release`, and other files. */
export function buildInstallation(
  name: string,
  images: Readonly<Record<string, string>>,
  others: TreeFiles = {},
): BuiltTree {
  const built = Object.entries(images).map(([path, release]) => [path, imageOf(release)] as const);
  return buildTree({ ...readFixture(name), ...Object.fromEntries(built), ...others });
}

/**
 * An ext4 image from a folder, made without mounting and without root.
 * @module
 */
import { runProcess } from '../machine/run-process.ts';

const MIB = 1024 * 1024;

/** How an image is to be. */
export interface Ext4Options {
  readonly label: string;
  /** Free room beside the files, in MiB. */
  readonly spareMib: number;
  /** The whole size in MiB; undefined: what the files need and `spareMib`. */
  readonly sizeMib?: number | undefined;
  /** Where in `image` the file system begins; the rest of the file stays as it is. */
  readonly offsetBytes?: number | undefined;
  readonly uuid?: string | undefined;
  readonly hasJournal?: boolean | undefined;
}

/** Writes the files of `folder` as an ext4 file system to `image`, a sparse file. */
export async function writeExt4Image(folder: string, image: string, options: Ext4Options): Promise<void> {
  const sizeMib = options.sizeMib ?? (await usedMib(folder)) + options.spareMib;
  const extended = ['root_owner=0:0', 'lazy_itable_init=1'];
  if (options.offsetBytes !== undefined) extended.push(`offset=${options.offsetBytes}`);
  await runProcess(
    'mke2fs',
    [
      ...['-q', '-F', '-t', 'ext4', '-d', folder, '-L', options.label, '-m', '0'],
      ...['-E', extended.join(',')],
      ...(options.uuid === undefined ? [] : ['-U', options.uuid]),
      ...(options.hasJournal ? [] : ['-O', '^has_journal']),
      image,
      `${sizeMib}M`,
    ],
    { timeoutMs: 180_000, env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` } },
  );
}

async function usedMib(folder: string): Promise<number> {
  const { stdout } = await runProcess('du', ['--summarize', '--bytes', folder], { timeoutMs: 60_000 });
  // A tenth more for inodes, block rounding and the file system's own tables.
  return Math.ceil((Number.parseInt(stdout, 10) * 1.1) / MIB);
}

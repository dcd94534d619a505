/**
 * makedumpfile and vmcore-dmesg as Debian has them.
 * @module
 */
import { unpackedPrograms } from './unpacked-programs.ts';

const OPTIONS = { timeoutMs: 120_000 };

/** What the two do with a dump. */
export interface DumpOracles {
  readonly makedumpfile: (...args: readonly string[]) => Promise<void>;
  /** What vmcore-dmesg prints for a dump. */
  readonly vmcoreDmesg: (dump: string) => Promise<string>;
}

/** Fetches both on first use. */
export async function dumpOracles(): Promise<DumpOracles> {
  const { run } = await unpackedPrograms({
    // bookworm's makedumpfile has no zstd yet.
    suite: 'trixie',
    packages: ['makedumpfile', 'kexec-tools'],
    unused: ['perl', 'debconf', 'dpkg'],
  });
  return {
    makedumpfile: async (...args) => {
      await run('usr/bin/makedumpfile', args, OPTIONS);
    },
    vmcoreDmesg: async (dump) => (await run('usr/sbin/vmcore-dmesg', [dump], OPTIONS)).stdout,
  };
}

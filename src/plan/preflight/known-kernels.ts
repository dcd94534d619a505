/**
 * Running kernels from which a jump is known to fail: what matters is the kernel one comes from.
 * @module
 */
import type { Architecture } from '../../formats/architecture.ts';
import { versionOf } from './conditions.ts';
import type { PreflightCheck } from './preflight-check.ts';
import { evidenceOf, resultsOf } from './result.ts';

interface KnownKernels {
  readonly series: string;
  /** Patch levels from and to, both included. */
  readonly first: number;
  readonly last: number;
  readonly architecture: Architecture;
  readonly trouble: string;
}

const KNOWN_KERNELS: readonly KnownKernels[] = [
  {
    series: '6.12',
    first: 53,
    last: 57,
    architecture: 'arm64',
    trouble: 'guests of QEMU on a Mac fall silent at the jump, guests of AWS do not (talos#12393)',
  },
  {
    series: '6.12',
    first: 54,
    last: 54,
    architecture: 'x86-64',
    trouble: 'on Intel servers the new kernel panicked after jumps from it, not from 5.15 (Flatcar#1833)',
  },
];

export const knownBadKernel: PreflightCheck = {
  id: 'known-bad-kernel',
  subject: 'the release of the running kernel',
  run({ machine }) {
    const results = resultsOf('known-bad-kernel');
    const evidence = [evidenceOf(machine.release), `machine: ${machine.architecture}`];
    const version = machine.release.state === 'read' ? versionOf(machine.release.value) : undefined;
    if (version === undefined)
      return results.warning({
        title: 'The release of the running kernel is not known.',
        evidence,
        remedy: 'Mount /proc.',
      });
    const [major, minor, patch] = version;
    const known = KNOWN_KERNELS.find(
      (entry) =>
        entry.architecture === machine.architecture &&
        entry.series === `${major}.${minor}` &&
        entry.first <= patch &&
        patch <= entry.last,
    );
    if (known === undefined)
      return results.pass('Nothing is known against jumping from this kernel.', evidence);
    return results.warning({
      title: `A jump from the running kernel has failed elsewhere: ${known.trouble}.`,
      evidence,
      remedy: 'Update the running kernel through the firmware first, or try it with a console at hand.',
    });
  },
};

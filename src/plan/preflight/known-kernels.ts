/**
 * Running kernels from which a jump is known to fail: what matters is the kernel one comes from.
 * @module
 */
import type { Architecture } from '../../formats/architecture.ts';
import { versionOf } from './conditions.ts';
import type { PreflightCheck } from './preflight-check.ts';
import { evidenceOf, resultsOf } from './result.ts';

interface KnownKernels {
  /** `major.minor`, and the patch levels from and to, both included. */
  readonly series: string;
  readonly first: number;
  readonly last: number;
  readonly architecture: Architecture;
  readonly severity: 'warning' | 'refusal';
  readonly trouble: string;
}

const KNOWN_KERNELS: readonly KnownKernels[] = [
  {
    series: '6.12',
    first: 53,
    last: 57,
    architecture: 'arm64',
    severity: 'refusal',
    trouble: 'on arm64 the jump from 6.12.53 to 6.12.57 ends in silence (talos#12393)',
  },
  {
    series: '6.12',
    first: 57,
    last: 57,
    architecture: 'x86-64',
    severity: 'warning',
    trouble: 'panics were seen after jumps from 6.12.57, not from 6.12.54 (Flatcar#1833)',
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
    const trouble = {
      title: `A jump from the running kernel is known to fail: ${known.trouble}.`,
      evidence,
      remedy: 'Update the running kernel through the firmware first, or try it with a console at hand.',
    };
    return known.severity === 'refusal'
      ? results.refusal({ ...trouble, isOverridable: true })
      : results.warning(trouble);
  },
};

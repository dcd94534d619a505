/**
 * Whether a file is the build of the kernel that runs: an update that keeps the release puts another one under the same
 * name, which has never run here.
 * @module
 */
import { KhopError } from '../error.ts';
import { findKernelVersion } from '../formats/linux-banner.ts';
import { readImageHeader } from '../kernels/image-header.ts';
import type { Kernel } from '../kernels/kernel.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import type { LoadPlan } from '../plan/load-plan.ts';

/** `unknown`: one of the two does not say its version. */
export type RunningBuild =
  | { readonly state: 'same' | 'other-release' | 'unknown' }
  | { readonly state: 'another'; readonly reason: string };

/** @param plan of that kernel, which has it unpacked where its header says no version (arm64) */
export function compareWithRunning(
  machine: MachineFacts,
  { image, release }: Kernel,
  plan: LoadPlan | undefined,
): RunningBuild {
  if (release === undefined || release !== valueOf(machine.release)) return { state: 'other-release' };
  const running = valueOf(machine.version);
  const version = versionInHeader(image) ?? (plan && versionInPlan(plan));
  if (running === undefined || version === undefined) return { state: 'unknown' };
  if (version === running) return { state: 'same' };
  const reason = `${image} is not the kernel that runs: the file says ${version}, the running one ${running}`;
  return { state: 'another', reason };
}

/** Of a file that cannot be read: whoever plans with it says so. */
function versionInHeader(image: string): string | undefined {
  try {
    return readImageHeader('/', image).version;
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return undefined;
  }
}

function versionInPlan(plan: LoadPlan): string | undefined {
  const kernel =
    plan.method === 'file' ? plan.image : plan.segments.find((segment) => segment.name === 'kernel');
  return kernel && findKernelVersion(kernel.bytes);
}

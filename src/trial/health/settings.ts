/**
 * What an administrator wants to be checked besides what is compared with the time before the jump.
 * @module
 */
import type { SocketAddress } from '../../formats/socket-address.ts';
import type { Configuration } from '../../switch/configuration.ts';

export interface HealthSettings {
  /** Units that have to be active. */
  readonly requiredUnits: readonly string[];
  /** Ports on which somebody has to answer. */
  readonly requiredSockets: readonly SocketAddress[];
  /** Ids of checks that are reported, but fail no trial. */
  readonly ignore: readonly string[];
  /** Complaints of the kernel that count for nothing: names of functions, modules, tasks or kinds, with * and ?. */
  readonly ignoredWarnings: readonly string[];
  /** Units that may fail, with * and ?. */
  readonly ignoredUnits: readonly string[];
  /** Has the folders `required.d` and `wanted.d`. */
  readonly scriptFolder: string;
  /** Deadline of each script. */
  readonly scriptSeconds: number;
  /** What scripts are told. */
  readonly trial: { readonly id: string; readonly fromRelease: string; readonly toRelease: string | null };
}

const SCRIPT_FOLDER = '/etc/khop/checks';
const SCRIPT_SECONDS = 30;

/** What khop.conf says, for one trial. */
export function healthSettings(
  { trialUnits, trialSockets, trialIgnore, trialIgnoreWarnings, trialIgnoreUnits }: Configuration,
  trial: HealthSettings['trial'],
): HealthSettings {
  return {
    requiredUnits: trialUnits,
    requiredSockets: trialSockets,
    ignore: trialIgnore,
    ignoredWarnings: trialIgnoreWarnings,
    ignoredUnits: trialIgnoreUnits,
    scriptFolder: SCRIPT_FOLDER,
    scriptSeconds: SCRIPT_SECONDS,
    trial,
  };
}

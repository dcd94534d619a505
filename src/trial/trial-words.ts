/**
 * The words of a trial: how far it got, which ways of failing there are, and why one was left. They stand in the
 * ticket, in the history and in `--json`, so they do not change.
 * @module
 */

/** In their order. */
export const TRIAL_PHASES = [
  /** The ticket is on disk, the old kernel still runs or is on its way down. */
  'jumping',
  /** The agent runs, the system is coming up. */
  'system',
  /** Waiting for network interfaces, addresses and routes. */
  'network',
  /** Waiting for services, sockets and scripts. */
  'services',
  /** All checks passed; waiting for a person or a controller to confirm. */
  'proof',
  'confirmed',
  /** The agent has decided to go home; `cause` says why. */
  'returning',
] as const;

export type TrialPhase = (typeof TRIAL_PHASES)[number];

/** Ways of failing, as the return table lists them and `--accept` names them. */
export const FAILURE_CLASSES = [
  'early-panic',
  'panic',
  'hang',
  'dead-hang',
  'stuck-boot',
  'no-network',
  'unhealthy',
  'unconfirmed',
  'power-loss',
  'fallback',
] as const;

export type FailureClass = (typeof FAILURE_CLASSES)[number];

/** The ways home of the agent and of `khop back`, each harder than those before; they stand among the ticket's phases. */
export const RETURN_WAYS = [
  /** The service manager stops all services, and jumps. */
  'home-orderly',
  /** File systems become read-only, and the machine jumps. */
  'home-now',
  /** Where the known-good kernel is not loaded: services stop, and the firmware starts it. */
  'home-firmware',
  /** The panic kernel takes over. */
  'home-panic',
] as const;

export type ReturnWay = (typeof RETURN_WAYS)[number];

/** Why the machine came home. */
export const RETURN_CAUSES = [
  /** The kernel died; there is a crash report, or a panic kernel brought it home. */
  'panic',
  /** A hardware watchdog ended it. */
  'watchdog',
  /** The agent never ran in time: the guardian of the first act went home. */
  'stuck-boot',
  /** A phase of the agent was not over at its deadline. */
  'deadline',
  /** A check failed for good. */
  'unhealthy',
  /** Nobody confirmed in time. */
  'unconfirmed',
  /** `khop back`, or a shutdown that somebody has asked for. */
  'asked',
  /** The ticket could not be read by the kernel on trial. */
  'ticket',
  /** Through the firmware, and nothing says why: power, reset, a panic before the first act, or no root. */
  'firmware',
] as const;

export type ReturnCause = (typeof RETURN_CAUSES)[number];

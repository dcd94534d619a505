/**
 * The names of what makes a switch fast. They are in a file of their own because the command line needs them
 * at every start, and nothing else of it.
 * @module
 */

/** What --fast consists of; `--without NAME` leaves one out. */
export const OPTIMISATIONS = ['direct-entry', 'initramfs', 'trim', 'parameters'] as const;
export type OptimisationName = (typeof OPTIMISATIONS)[number];

/** Which boot parameters --fast adds; `--profile NAME`. Each has all that the one before it has. */
export const PROFILES = ['warm', 'lean'] as const;
export type ProfileName = (typeof PROFILES)[number];

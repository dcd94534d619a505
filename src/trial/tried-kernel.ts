/**
 * What was tried, and whether a boot entry still starts that: options may have put another initrd, command line or device
 * tree in the place of the entry's, and a package may rebuild its files during the trial. Only what was tried is proven.
 * @module
 */
import { KhopError } from '../error.ts';
import { digestFiles } from '../guard/drift.ts';
import type { Kernel } from '../kernels/kernel.ts';
import { diffCommandLines } from '../plan/command-line.ts';
import { withoutOneBoot } from '../switch/one-boot.ts';
import type { ProposalOptions } from '../switch/proposal.ts';
import type { TicketTrial } from '../switch/ticket.ts';

/** As the ticket keeps it. */
export type Tried = NonNullable<TicketTrial['tried']>;

/**
 * To be called before the plan reads the files. What khop makes of an initrd is made of the one that is digested here.
 * @param commandLine what the options make of the kernel's, see `lastingCommandLine`
 * @throws E_NOT_FOUND, E_UNREADABLE
 */
export function describeTried(
  kernel: Kernel,
  { initrd, dtb }: Pick<ProposalOptions, 'initrd' | 'dtb'>,
  commandLine: string,
): Tried {
  const deviceTree = dtb ?? kernel.deviceTree;
  return {
    ...digestsOf({ ...kernel, initrds: initrd ?? kernel.initrds, deviceTree }),
    commandLine: withoutOneBoot(commandLine),
    entryCommandLine: withoutOneBoot(kernel.commandLine),
  };
}

/**
 * Why `kernel` is not what was tried; undefined when it is, or when an older khop wrote the ticket. A file that cannot be
 * read counts as another. One by a path is recorded with the command line that it was tried with.
 */
export function whyNotAsTried(
  { tried, entryId }: Pick<TicketTrial, 'tried' | 'entryId'>,
  kernel: Kernel,
): string | undefined {
  if (tried === undefined) return undefined;
  const clauses = [
    ...differingFiles(tried, kernel),
    ...(entryId === null ? [] : differingCommandLines(tried, kernel)),
  ];
  return clauses.length === 0 ? undefined : `${kernel.title} is not what was tried: ${clauses.join('; ')}`;
}

type Files = Pick<Tried, 'image' | 'initrds' | 'deviceTree'>;

function digestsOf({ image, initrds, deviceTree }: Pick<Kernel, 'image' | 'initrds' | 'deviceTree'>): Files {
  const digest = (path: string): Tried['image'] => digestFiles([path])[0]!;
  return {
    image: digest(image),
    initrds: initrds.map(digest),
    deviceTree: deviceTree === undefined ? null : digest(deviceTree),
  };
}

function differingFiles(tried: Tried, kernel: Kernel): string[] {
  let now: Files;
  try {
    now = digestsOf(kernel);
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return [error.message];
  }
  const some = (file: Tried['deviceTree']): Tried['initrds'] => (file === null ? [] : [file]);
  return [
    ...differing([tried.image], [now.image], 'image'),
    ...differing(tried.initrds, now.initrds, 'initrd'),
    ...differing(some(tried.deviceTree), some(now.deviceTree), 'device tree'),
  ];
}

/** Equal bytes start equally, whatever their names. */
function differing(before: Tried['initrds'], now: Tried['initrds'], what: string): string[] {
  const listOf = (files: Tried['initrds'], key: 'path' | 'sha256'): string =>
    files.map((file) => file[key]).join(', ');
  if (listOf(before, 'sha256') === listOf(now, 'sha256')) return [];
  const [then, here] = [listOf(before, 'path'), listOf(now, 'path')];
  if (then !== here) return [`it was tried with ${then || `no ${what}`} instead of ${here || `no ${what}`}`];
  const changed = now.filter(({ sha256 }, index) => before[index]?.sha256 !== sha256);
  return [`${listOf(changed, 'path')} has changed since`];
}

function differingCommandLines({ commandLine, entryCommandLine }: Tried, kernel: Kernel): string[] {
  const clauses: string[] = [];
  if (commandLine !== entryCommandLine) {
    const { added, removed } = diffCommandLines(entryCommandLine, commandLine);
    const words = [
      ...(added.length === 0 ? [] : [`with ${added.join(' ')}`]),
      ...(removed.length === 0 ? [] : [`without ${removed.join(' ')}`]),
    ];
    clauses.push(`it was tried ${words.join(' and ') || 'with its parameters in another order'}`);
  }
  if (withoutOneBoot(kernel.commandLine) !== entryCommandLine)
    clauses.push('its command line has changed since');
  return clauses;
}

/**
 * What the options of `khop guard on` ask the guard to do.
 * @module
 */
import { resolve } from 'node:path';
import { KhopError } from '../error.ts';
import { readRecipients } from '../guard/age-recipients.ts';
import { DEADLINE_SECONDS, type GuardSettings } from '../guard/guard-settings.ts';
import { parseReportTarget, type ReportTarget } from '../guard/report-target.ts';
import type { GuardWorld } from '../guard/world.ts';
import type { OnOptions } from './commands/guard.ts';

/** Seconds. Saving memory takes its time. */
const DEADLINES = { withDump: 600, withoutDump: 60 } as const;

/** @throws E_USAGE for a key that is none, a place that is none, or that takes no dump; for either where the system goes on */
export function chosenSettings(options: OnOptions, world: GuardWorld): Partial<GuardSettings> {
  if (options.mode === 'continue' && (options.to !== undefined || options.dump !== 'none'))
    throw new KhopError(
      'E_USAGE',
      'a system that goes on writes a report into the usual folder, and no dump',
      {
        hint: 'Leave out --to and --dump. The memory of the kernel that died is /proc/vmcore there.',
      },
    );
  const encryptTo = options.encryptTo ?? world.configuration.encryptTo;
  if (options.mode === 'continue' && encryptTo.length > 0)
    throw new KhopError('E_USAGE', 'a system that goes on writes its report as it is, not encrypted', {
      hint: 'Leave out --encrypt-to, and encrypt-to in khop.conf; or use --mode capture.',
    });
  const idle = options.mode === 'continue' ? options.deadline && '--deadline' : options.cpus && '--cpus';
  if (idle)
    throw new KhopError('E_USAGE', `${idle} has no effect with --mode ${options.mode}`, {
      hint: 'A capture has a deadline and one CPU; a system that goes on has CPUs and no deadline.',
    });
  const { least, most } = DEADLINE_SECONDS;
  if (options.deadline !== undefined && (options.deadline < least || options.deadline > most))
    throw new KhopError(
      'E_USAGE',
      `--deadline ${options.deadline} is not between ${least} and ${most} seconds`,
      {
        hint: 'Starting a kernel takes some of them.',
      },
    );
  const to = chosenPlace(options);
  return {
    kernel: options.kernel ?? null,
    home: options.home ?? null,
    mode: options.mode,
    ...(options.cpus === undefined ? {} : { cpus: options.cpus }),
    deadlineSeconds:
      options.deadline ?? (options.dump === 'none' ? DEADLINES.withoutDump : DEADLINES.withDump),
    ...(to === undefined ? {} : { to }),
    dump: options.dump,
    encryptTo: readRecipients(world, encryptTo),
    ...(options.keepFree === undefined ? {} : { minimumFreeMib: options.keepFree }),
    ...(options.keepCrashes === undefined ? {} : { keepCrashes: options.keepCrashes }),
    ...(options.keepDumps === undefined ? {} : { keepDumps: options.keepDumps }),
    ...(options.loopWindow === undefined ? {} : { loopWindowMinutes: options.loopWindow }),
  };
}

/** Undefined: as it was. */
function chosenPlace(options: OnOptions): ReportTarget | undefined {
  const fileOption = (options.sshKey && '--ssh-key') || (options.caFile && '--ca-file');
  if (options.to === undefined && fileOption)
    throw new KhopError('E_USAGE', `${fileOption} has no effect without --to`, {
      hint: 'Reports stay on this machine unless --to names another.',
    });
  if (options.to === undefined) return undefined;
  const to = parseReportTarget(options.to, {
    sshKey: options.sshKey && resolve(options.sshKey),
    authorities: options.caFile && resolve(options.caFile),
  });
  if (options.dump !== 'none' && to.kind !== 'file-system')
    throw new KhopError('E_USAGE', `a dump cannot go to ${options.to}, only a report`, {
      hint: 'Dumps need a file system: --to UUID=…:/folder, or the usual folder.',
    });
  return to;
}

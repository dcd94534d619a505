/**
 * What a person finds on the console when a loop has no other way out: the distribution's busybox, if it is there.
 * @module
 */
import type { ProgramFile } from '../machine/program-files.ts';
import type { RescueOrder } from '../plan/capture/rescue.ts';
import type { CrashLoop } from './crash-loop.ts';
import type { HomePlan } from './home-plan.ts';
import type { GuardWorld } from './world.ts';

const SHELL = '/bin/busybox';

/** Undefined without a busybox: then only the firmware is left. */
export function planRescue(world: GuardWorld, loop: CrashLoop, home: HomePlan): RescueOrder | undefined {
  const found = world.readProgramFiles('busybox');
  if (found.state !== 'read') return undefined;
  const { program, loader, libraries } = found.value;
  // The loader looks where it looks on the running system, whatever the links there are.
  const parts: readonly ProgramFile[] = [...(loader === undefined ? [] : [loader]), ...libraries];
  return {
    files: [{ path: SHELL, bytes: program.bytes }, ...parts],
    command: [SHELL, 'sh', '-c', `${SHELL} --install -s /bin; exec /bin/sh -i`],
    note: noteFor(loop, home),
  };
}

function noteFor({ reason }: CrashLoop, home: HomePlan): string {
  const leave =
    home.state === 'planned'
      ? `exit       starts ${home.title} again, with all memory`
      : 'exit       restarts the machine through the firmware';
  return [
    '',
    '',
    '*** khop: this machine does not go home by itself any more.',
    `*** ${reason}.`,
    '*** This is the panic kernel. Above is what the dead kernel said last; /proc/vmcore is its memory.',
    `***   ${leave}`,
    '***   reboot -f  restarts the machine through the firmware',
    '',
    '',
  ].join('\n');
}

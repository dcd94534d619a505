/**
 * What a person finds when a loop has no other way out: the distribution's busybox on the console, and by its sshd, if
 * they are there.
 * @module
 */
import type { ProgramFiles } from '../machine/program-files.ts';
import { RESCUE_FILES, type RescueOrder } from '../plan/capture/rescue.ts';
import { filesOf } from './bring-program.ts';
import type { CrashLoop } from './crash-loop.ts';
import type { HomePlan } from './home-plan.ts';
import type { RescueLogin } from './rescue-login.ts';
import type { GuardWorld } from './world.ts';

const SHELL = '/bin/busybox';
/** Of the kernel log, what is shown to somebody who logs in. */
const SHOWN_LINES = 40;

/** Undefined without a busybox: then only the firmware is left. @param login undefined: nobody logs in */
export function planRescue(
  world: GuardWorld,
  loop: CrashLoop,
  home: HomePlan,
  login: RescueLogin | undefined,
): RescueOrder | undefined {
  const found = world.readProgramFiles('busybox');
  if (found.state !== 'read') return undefined;
  const note = noteFor(loop, home, login);
  // The loader looks where it looks on the running system, whatever the links there are.
  const shell = filesOf({ ...found.value, program: { ...found.value.program, path: SHELL } });
  const files = [...shell, ...(login?.programs ?? []).flatMap((program: ProgramFiles) => filesOf(program))];
  return {
    files: [
      ...new Map(files.map((file) => [file.path, { path: file.path, bytes: file.bytes }])).values(),
      { path: RESCUE_FILES.note, bytes: Buffer.from(note) },
      ...(login?.files ?? []),
      ...(login === undefined ? [] : [script('/etc/profile', PROFILE), script('/bin/leave', LEAVE)]),
    ],
    command: [
      ...[SHELL, 'sh', '-c'],
      `${SHELL} --install -s /bin; echo $$ >${RESCUE_FILES.shell}; exec /bin/sh -i`,
    ],
    note,
    server: login?.server,
  };
}

/** What somebody sees who logs in: the report, and how to leave. */
const PROFILE = `tail -n ${SHOWN_LINES} ${RESCUE_FILES.log}
cat ${RESCUE_FILES.steps} ${RESCUE_FILES.note}
PS1='rescue# '
`;
/** The shell on the console is what the first program waits for. */
const LEAVE = `#!/bin/sh
: >${RESCUE_FILES.leave}
kill -KILL $(cat ${RESCUE_FILES.shell}) 2>/dev/null
`;

function script(path: string, text: string): RescueOrder['files'][number] {
  return { path, bytes: Buffer.from(text) };
}

function noteFor({ reason }: CrashLoop, home: HomePlan, login: RescueLogin | undefined): string {
  const leave =
    home.state === 'planned'
      ? `starts ${home.title} again, with all memory`
      : 'restarts the machine through the firmware';
  return [
    '',
    '',
    '*** khop: this machine does not go home by itself any more.',
    `*** ${reason}.`,
    '*** This is the panic kernel. Above is what the dead kernel said last; /proc/vmcore is its memory.',
    ...(login === undefined
      ? [`***   exit       ${leave}`]
      : [`***   ssh ${login.address}  shows the same elsewhere`, `***   leave      ${leave}`]),
    '***   reboot -f  restarts the machine through the firmware',
    '',
    '',
  ].join('\n');
}

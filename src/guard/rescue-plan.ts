/**
 * What a person finds when a loop has no other way out: the distribution's busybox on the console, and by its sshd, if
 * they are there. Without busybox the console shows what happened and leaves on Enter, and who logs in has the
 * distribution's own sh.
 * @module
 */
import type { ProgramFile, ProgramFiles } from '../machine/program-files.ts';
import { valueOf } from '../machine/reading.ts';
import { RESCUE_FILES, type RescueOrder } from '../plan/capture/rescue.ts';
import { filesOf } from './bring-program.ts';
import type { HomePlan } from './home-plan.ts';
import type { RescueLogin } from './rescue-login.ts';
import type { GuardWorld } from './world.ts';

const BUSYBOX = '/bin/busybox';
/** As /etc/passwd has it there. */
const SH = '/bin/sh';
/** Beside sh, for who reads and copies; a distribution may have them in one program that cannot be taken apart. */
const TOOLS = ['cat', 'tail', 'ls'];
/** Of the kernel log, what is shown to somebody who logs in. */
const SHOWN_LINES = 40;

/** Why the machine stays. */
export interface StayReason {
  /** One sentence, or more, without the last full stop. */
  readonly reason: string;
}

/**
 * The best that this machine has programs for. Undefined where nobody who logs in could have a shell.
 * @param home the kernel that whoever leaves starts
 * @param login undefined: nobody logs in
 */
export function planRescue(
  world: GuardWorld,
  loop: StayReason,
  home: HomePlan,
  login: RescueLogin | undefined,
): RescueOrder | undefined {
  const busybox = valueOf(world.readProgramFiles('busybox'));
  if (busybox === undefined && login === undefined) return planStay(loop, home);
  // The loader looks where it looks on the running system, whatever the links there are.
  const shell = busybox === undefined ? ownShell(world) : filesAs(busybox, BUSYBOX);
  if (shell === undefined) return undefined;
  const files = [...shell, ...(login?.programs ?? []).flatMap((program: ProgramFiles) => filesOf(program))];
  const note = noteFor(loop, home, login, busybox !== undefined);
  const profile = busybox === undefined ? PROFILE_OF_SH : PROFILE;
  return {
    files: [
      ...new Map(files.map((file) => [file.path, { path: file.path, bytes: file.bytes }])).values(),
      { path: RESCUE_FILES.note, bytes: Buffer.from(note) },
      ...(login?.files ?? []),
      ...(login === undefined ? [] : [script('/etc/profile', profile), script('/bin/leave', LEAVE)]),
    ],
    command:
      busybox === undefined
        ? undefined
        : [
            ...[BUSYBOX, 'sh', '-c'],
            `${BUSYBOX} --install -s /bin; echo $$ >${RESCUE_FILES.shell}; exec /bin/sh -i`,
          ],
    note,
    server: login?.server,
  };
}

/** Without a shell: the report on the console, until somebody presses Enter. Needs nothing. */
export function planStay(loop: StayReason, home: HomePlan): RescueOrder {
  const note = noteFor(loop, home, undefined, false);
  const files = [{ path: RESCUE_FILES.note, bytes: Buffer.from(note) }];
  return { files, command: undefined, note, server: undefined };
}

function filesAs(files: ProgramFiles, path: string): readonly ProgramFile[] {
  return filesOf({ ...files, program: { ...files.program, path } });
}

function ownShell(world: GuardWorld): readonly ProgramFile[] | undefined {
  const sh = valueOf(world.readProgramFiles('sh'));
  if (sh === undefined) return undefined;
  const tools = TOOLS.flatMap((name) => {
    const found = valueOf(world.readProgramFiles(name));
    return found === undefined ? [] : filesAs(found, `/bin/${name}`);
  });
  return [...filesAs(sh, SH), ...tools];
}

/** What somebody sees who logs in: the report, and how to leave. */
const PROFILE = `tail -n ${SHOWN_LINES} ${RESCUE_FILES.log}
cat ${RESCUE_FILES.steps} ${RESCUE_FILES.note}
PS1='rescue# '
`;
/** The same with what a shell can do by itself. */
const PROFILE_OF_SH = `show() { while IFS= read -r line; do printf '%s\\n' "$line"; done <"$1"; }
tail -n ${SHOWN_LINES} ${RESCUE_FILES.log} 2>/dev/null || show ${RESCUE_FILES.log}
show ${RESCUE_FILES.steps}
show ${RESCUE_FILES.note}
PS1='rescue# '
`;
/** The shell on the console, if there is one, is what the first program waits for. */
const LEAVE = `#!/bin/sh
: >${RESCUE_FILES.leave}
[ ! -f ${RESCUE_FILES.shell} ] || kill -KILL $(cat ${RESCUE_FILES.shell}) 2>/dev/null
`;

function script(path: string, text: string): RescueOrder['files'][number] {
  return { path, bytes: Buffer.from(text) };
}

function noteFor(
  { reason }: StayReason,
  home: HomePlan,
  login: RescueLogin | undefined,
  hasShell: boolean,
): string {
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
      ? []
      : [`***   ssh ${login.address}  shows the same elsewhere`, `***   leave      ${leave}`]),
    ...(hasShell
      ? [
          ...(login === undefined ? [`***   exit       ${leave}`] : []),
          '***   reboot -f  restarts the machine through the firmware',
        ]
      : [`***   Enter      ${login === undefined ? leave : 'does so, too, on the console'}`]),
    '',
    '',
  ].join('\n');
}

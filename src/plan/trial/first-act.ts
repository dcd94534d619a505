/**
 * The first act of a kernel on trial, /khop/first: before anything of the distribution runs, the ways home are
 * loaded, the watchdog is on, and a guardian counts. Then the distribution's own init is started, as the kernel would
 * have.
 *
 * Nothing of it stays but the guardian: its files are gone, what it mounted on folders of its own is unmounted, and
 * /dev, /proc and /sys are as the kernel left them. Every step is a line of the kernel's log. One that fails is said
 * there and left behind: it makes the trial less safe, while a boot that it stopped would be the end of it.
 * @module
 */
import { fn } from '../../formats/static-program/functions.ts';
import { LINUX } from '../../formats/static-program/library/linux.ts';
import { SPARED, setOomScore } from '../../formats/static-program/library/oom-score.ts';
import { argumentsOf, environmentOf } from '../../formats/static-program/library/process.ts';
import { giveBack, set, store, when } from '../../formats/static-program/statements.ts';
import { encodeStaticProgram } from '../../formats/static-program/static-program.ts';
import { sys } from '../../formats/static-program/terms.ts';
import { FIRST_ACT_FOLDER, FIRST_ACT_PATH, type FirstActOrder } from './first-act-order.ts';
import { guardian } from './guardian.ts';
import { KERNEL_LOG_NODE, keepKernelLog, said } from './kernel-log.ts';
import { keepSysrq, leaveTrial, notePanicKernel } from './leave-trial.ts';
import { type TrialFile, trialKernel } from './load-kernel.ts';
import { watchdogStart } from './trial-watchdog.ts';

const inFolder = (name: string) => `${FIRST_ACT_FOLDER}/${name}`;

/** Where it mounts what it needs, so that nothing is mounted where init expects to mount it itself. */
const MOUNTS = [
  { type: 'proc', folder: inFolder('proc'), flags: 0b1110 },
  { type: 'sysfs', folder: inFolder('sys'), flags: 0b1110 },
  { type: 'devtmpfs', folder: inFolder('dev'), flags: 0b1010 },
] as const;
const [PROC, SYS, DEV] = MOUNTS;
const OWN_FOLDERS = { crash: inFolder('crash'), home: inFolder('home'), modules: inFolder('modules') };

const OOM_SCORE = `${PROC.folder}/self/oom_score_adj`;
const MNT_DETACH = 2;
const AT_REMOVEDIR = 0x200;

/** The program with all that it finds in its folder. */
export interface FirstAct {
  /** Outermost first. */
  readonly folders: readonly string[];
  /** The program is the first. */
  readonly files: readonly TrialFile[];
}

/** What has to be in the archive for `order`. */
export function firstAct(order: FirstActOrder): FirstAct {
  const sources = { proc: PROC.folder, sys: SYS.folder };
  const crash = order.crash && trialKernel(order.crash, OWN_FOLDERS.crash, sources);
  const home = order.home && trialKernel(order.home, OWN_FOLDERS.home, sources);
  const watchdog = order.watchdog && watchdogStart(order.watchdog, OWN_FOLDERS.modules, DEV.folder);
  const files = [crash, home, watchdog].flatMap((part) => part?.files ?? []);
  const folders = [
    FIRST_ACT_FOLDER,
    ...MOUNTS.map(({ folder }) => folder),
    ...(crash === undefined ? [] : [OWN_FOLDERS.crash]),
    ...(home === undefined ? [] : [OWN_FOLDERS.home]),
    ...(watchdog === undefined ? [] : [OWN_FOLDERS.modules]),
  ];
  const startGuardian = guardian(order, leaveTrial);

  const main = fn('main', ['stack'], ['status'], ({ stack, status }) => [
    ...MOUNTS.map(({ type, folder, flags }) =>
      ifFailed(`mount ${type}`, sys.mount(type, folder, type, flags)),
    ),
    ...(crash === undefined
      ? []
      : [when([said('load the panic kernel', crash.load()), '==', 0], [notePanicKernel()])]),
    ...(home === undefined ? [] : [said('load the known-good kernel', home.load())]),
    ...(watchdog === undefined ? [] : [said('start the watchdog', watchdog.start())]),
    ifFailed('open the kernel’s log', keepKernelLog(KERNEL_LOG_NODE)),
    ifFailed('open sysrq-trigger', keepSysrq(`${PROC.folder}/sysrq-trigger`)),
    // A child inherits it. What init starts would too, so it is taken back.
    ifFailed('spare the guardian when memory is short', setOomScore(OOM_SCORE, SPARED, SPARED.length)),
    set(status, startGuardian(stack)),
    setOomScore(OOM_SCORE, '0', 1),
    said('start the guardian', status),
    ...MOUNTS.map(({ folder }) => sys.umount2(folder, MNT_DETACH)),
    ...[FIRST_ACT_PATH, KERNEL_LOG_NODE, ...files.map(({ path }) => path)].map((path) =>
      ifFailed(`remove ${path}`, sys.unlinkat(LINUX.AT_FDCWD, path, 0)),
    ),
    ...folders
      .toReversed()
      .map((path) => ifFailed(`remove ${path}`, sys.unlinkat(LINUX.AT_FDCWD, path, AT_REMOVEDIR))),
    store.u64(argumentsOf(stack), order.init),
    said(`start ${order.init}`, sys.execve(order.init, argumentsOf(stack), environmentOf(stack))),
    // The kernel panics when its first process ends: the panic kernel takes over.
    giveBack(1),
  ]);
  const program = { path: FIRST_ACT_PATH, bytes: encodeStaticProgram(main, order.architecture) };
  return { folders, files: [program, ...files] };
}

/** What need not be said when it works. */
const ifFailed = fn('ifFailed', ['step', 'status'], [], ({ step, status }) => [
  when([status, '<', 0], [said(step, status)]),
]);

/**
 * The first and only program of the capture kernel, /init: it saves what the dead kernel leaves, and takes the
 * machine home.
 *
 * The order is by what must not be lost. A second process watches the deadline from the start, then the way home is
 * loaded. The report comes next, in memory and then on disk; after it the dump, if one is wanted. Every step
 * that fails is said on the console and left behind: nothing but the deadline decides that the machine leaves, and
 * nothing keeps it here. If this program dies, the kernel panics, and `panic=` on its command line sends the machine
 * through the firmware.
 * @module
 */
import type { Architecture } from '../../formats/architecture.ts';
import { fn, type ProgramFunction } from '../../formats/static-program/functions.ts';
import { LINUX } from '../../formats/static-program/library/linux.ts';
import { giveBack, loopWhile, type Statement, set, when } from '../../formats/static-program/statements.ts';
import { encodeStaticProgram } from '../../formats/static-program/static-program.ts';
import { sys } from '../../formats/static-program/terms.ts';
import { STDERR } from './brought-program.ts';
import { type CaptureEnding, endCapture, goesHome, leaveMarker, rescueOf } from './capture-ending.ts';
import type { CaptureTarget } from './capture-target.ts';
import { mark, markBecause, say, startChain } from './chain.ts';
import { openCrashedMemory } from './crashed-memory.ts';
import type { DumpOrder } from './dump-order.ts';
import {
  type EncryptionOrder,
  isReportEncrypted,
  type ReportEncryption,
  reportEncryption,
} from './encrypt-report.ts';
import { fileSystemSink } from './file-system-sink.ts';
import { type HomeStub, isHomeLoaded, wayOut } from './go-home.ts';
import { guardian } from './guardian.ts';
import { httpSink } from './http-sink.ts';
import { httpsSink } from './https-sink.ts';
import { startCounting, startKeeping } from './log-text.ts';
import { encryptedLogRoom } from './memory-report.ts';
import { leavePersistentMessage } from './persistent-message.ts';
import { writeKernelLog } from './printk-ring.ts';
import { rawSink } from './raw-sink.ts';
import { CLEAR_FILES, type ReportFile } from './report-files.ts';
import { nameReport } from './report-name.ts';
import type { ReportSink } from './report-sink.ts';
import { rescue } from './rescue.ts';
import { saveDump } from './save-dump.ts';
import { sshSink } from './ssh-sink.ts';

/** What one machine's capture has to do. */
export interface CaptureOrder {
  readonly architecture: Architecture;
  /** From the start of the capture kernel until the machine leaves at the latest, ms. */
  readonly deadlineMs: number;
  /** Paths of kernel modules in the initramfs, in the order in which they go in. */
  readonly modules: readonly string[];
  /** Undefined: there is nowhere to write to. */
  readonly target: CaptureTarget | undefined;
  /** Undefined: nobody asked for the memory. */
  readonly dump: DumpOrder | undefined;
  /** Undefined: everything is written as it is. */
  readonly encryption: EncryptionOrder | undefined;
  /** Undefined: no kernel waits. */
  readonly home: HomeStub | undefined;
  readonly ending: CaptureEnding;
}

/** MS_NOSUID | MS_NODEV | MS_NOEXEC, linux/mount.h. */
const HARMLESS = 0b1110;

/** What is said where no kernel can be started from here. */
const WITHOUT_HOME = {
  firmware: 'home leads through the firmware:',
  rescue: 'no kernel waits that can be started:',
};

/** The program as an executable file. */
export function captureProgram(order: CaptureOrder): Uint8Array {
  const encryption = encryptionOf(order);
  const way = wayOut(order.home, encryption?.carriedFiles);
  const watch = guardian(order.deadlineMs, goesHome(order.ending) ? way.leave : way.leaveByFirmware);
  const person = rescueOf(order.ending);
  const parts = { way, watch, rescue: person && rescue(person, way, watch) };
  const markLeave = leaveMarker(order.ending);
  const insertModules = moduleInserter(order.modules);
  const keepReport =
    order.target === undefined
      ? undefined
      : reportKeeper(order, order.target, { files: encryption?.files, markLeave });
  const main = fn('main', ['stack'], ['status', 'watcher'], ({ status, watcher }) => [
    sys.mount('devtmpfs', '/dev', 'devtmpfs', HARMLESS & ~0b100),
    sys.mount('proc', '/proc', 'proc', HARMLESS),
    sys.mount('sysfs', '/sys', 'sysfs', HARMLESS),
    holdStandardStreams(),
    startChain(),
    mark('captured'),
    set(watcher, watch.startGuardian()),
    when([watcher, '<', 0], [say('nothing watches the deadline', watcher)]),
    set(status, way.loadHome()),
    when(
      [status, '<', 0],
      [say(WITHOUT_HOME[person === undefined ? 'firmware' : 'rescue'], status)],
      [mark('home-loaded')],
    ),
    set(status, openCrashedMemory('/proc/vmcore')),
    when([status, '<', 0], [say('the memory of the dead kernel cannot be read:', status)], readLog(status)),
    nameReport(),
    ...(encryption === undefined ? [] : [encryption.encrypt()]),
    ...(order.home?.report === undefined
      ? []
      : [
          // Marked first, so that the report says of itself that it was on its way.
          when(encryption === undefined ? isHomeLoaded() : [isHomeLoaded(), '&&', isReportEncrypted()], [
            mark('report-in-memory'),
          ]),
          set(status, way.loadReport()),
          when([status, '<', 0], [say('the report does not go home in memory:', status)]),
        ]),
    insertModules(),
    leavePersistentMessage(),
    ...(keepReport === undefined
      ? [markLeave()]
      : [
          set(status, keepReport()),
          when([status, '<', 0], [markBecause('report-failed', 'errno', [0, '-', status]), markLeave()]),
        ]),
    way.loadReport(),
    ...endCapture(order.ending, parts, watcher),
  ]);
  return encodeStaticProgram(main, order.architecture);
}

/** Without a console nothing is open: what is opened next must not get the numbers that a program means others by. */
const holdStandardStreams = fn('holdStandardStreams', [], ['fd'], ({ fd }) => [
  loopWhile(
    [fd, '<', STDERR],
    [
      set(fd, sys.openat(LINUX.AT_FDCWD, '/dev/null', LINUX.O_RDWR)),
      when([fd, '<', 0], [giveBack(fd)]),
      when([fd, '>', STDERR], [sys.close(fd)]),
    ],
  ),
]);

function readLog(status: Parameters<typeof set>[0]): readonly Statement[] {
  return [
    startCounting(),
    writeKernelLog(),
    startKeeping(),
    set(status, writeKernelLog()),
    say('records of the kernel log:', status),
    mark('log-read'),
  ];
}

function moduleInserter(modules: readonly string[]): ProgramFunction<readonly []> {
  const insert = fn('insertModule', ['path'], ['fd', 'status'], ({ path, fd, status }) => [
    set(fd, sys.openat(LINUX.AT_FDCWD, path, LINUX.O_RDONLY | LINUX.O_CLOEXEC)),
    set(status, sys.finit_module(fd, '', 0)),
    when([status, '<', 0], [say(path, status)]),
    sys.close(fd),
  ]);
  return fn('insertModules', [], [], () => modules.map((path) => insert(path)));
}

/** Undefined when nobody asked for it. */
function encryptionOf({ encryption, home }: CaptureOrder): ReportEncryption | undefined {
  if (encryption === undefined) return undefined;
  return reportEncryption(encryption, home?.report && encryptedLogRoom(home.report));
}

function sinkOf(target: CaptureTarget, files: readonly ReportFile[]): ReportSink {
  switch (target.kind) {
    case 'file-system':
      return fileSystemSink(target, files);
    case 'raw':
      return rawSink(target, files);
    case 'http':
      return httpSink(target, files);
    case 'https':
      return httpsSink(target, files);
    case 'ssh':
      return sshSink(target, files);
  }
}

/** Gives back 0, or a negative errno: then the report is not saved, and leaving is not marked. */
function reportKeeper(
  { dump, encryption }: CaptureOrder,
  target: CaptureTarget,
  {
    files,
    markLeave,
  }: { readonly files: readonly ReportFile[] | undefined; readonly markLeave: ProgramFunction<readonly []> },
): ProgramFunction<readonly []> {
  const { open, save, saveSteps, close } = sinkOf(target, files ?? CLEAR_FILES);
  // The current folder is then that of the report, which only a file system has.
  const saveMemory =
    dump === undefined || target.kind !== 'file-system' ? undefined : saveDump(dump, encryption);
  const markSaved =
    encryption === undefined
      ? [mark('report')]
      : [
          when(
            isReportEncrypted(),
            [mark('report')],
            [markBecause('report-failed', 'only these steps are written, files encrypted:', 0)],
          ),
        ];
  return fn('keepReport', [], ['status'], ({ status }) => [
    set(status, open()),
    when([status, '<', 0], [giveBack(status)]),
    mark('target-mounted'),
    set(status, save()),
    when(
      [status, '==', 0],
      [...markSaved, ...(saveMemory === undefined ? [] : [saveMemory()]), markLeave(), saveSteps()],
    ),
    close(),
    giveBack(status),
  ]);
}

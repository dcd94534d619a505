/**
 * The faults of the suite: how a kernel dies, what befalls the panic kernel then, and what is wrong with the disk.
 * @module
 */
import type { MachineDescription } from '../../../src/lab/qemu.ts';
import type { VirtualMachine } from '../../../src/lab/virtual-machine.ts';
import type { GuardBed } from './bed.ts';
import { exhaustMemory, hang, hangInKernel, hangProgram, panicByNmi, starveDisk } from './capture-faults.ts';
import { crashBy, crashByModule, crashByNmi, crashBySerialBreak } from './crashes.ts';
import { fillDisk, freeDisk, readOnlyTarget, unplugTarget } from './disk-faults.ts';
import { CUT_POINTS, type CutPoint } from './power-cuts.ts';

/** One fault. */
export interface GuardCase {
  readonly name: string;
  /** Where in the chain. */
  readonly point: string;
  readonly bed: GuardBed;
  /** See `isAsExpected`. */
  readonly expected: string;
  /** Said in the row besides what the machine says. */
  readonly remark?: string;
  /** The machine that is started, where it is to differ from the armed one. */
  readonly alter?: (description: MachineDescription) => MachineDescription;
  /** Before the crash. */
  readonly prepare?: (machine: VirtualMachine) => Promise<void>;
  /** Makes the running kernel panic; does not wait for it. */
  readonly crash: (machine: VirtualMachine, bed: GuardBed) => Promise<void>;
  /** What is done to the machine once its console has said a line like `at`. */
  readonly fault?: { readonly at: RegExp; readonly make: (machine: VirtualMachine) => Promise<void> };
  /** In the kernel at home, which has looked for the report before and looks again afterwards. */
  readonly repair?: (machine: VirtualMachine) => Promise<void>;
  /** When the machine loses power; it is switched on again afterwards. */
  readonly cut?: CutPoint;
}

const SEABIOS: GuardBed = { kernel: '6.1', firmware: 'seabios', reservation: '160M' };
const OVMF: GuardBed = { kernel: '6.12', firmware: 'ovmf', reservation: '160M' };

const HOME = 'home by kexec with report';
const REPORT_ONLY = 'home by firmware with report';
const FIRMWARE = 'home by firmware';
/** With a report or without: that depends on how far the panic kernel had got. */
const ANY_REPORT = 'home by kexec';

/** In the order in which they are made. */
export function guardCases(): readonly GuardCase[] {
  return [
    ...[SEABIOS, OVMF].flatMap((bed) => deaths(bed)),
    ...captureTroubles(SEABIOS),
    ...diskTroubles(SEABIOS),
    ...powerCuts(SEABIOS, CUT_POINTS),
    // What a cut leaves on the disk is the same under every firmware: once a step will do.
    ...powerCuts(
      OVMF,
      CUT_POINTS.filter(({ ms }) => ms === 0),
    ),
  ];
}

function deaths(bed: GuardBed): GuardCase[] {
  const point = 'running kernel';
  return [
    { name: 'sysrq-c', point, bed, expected: HOME, crash: crashBy('echo c >/proc/sysrq-trigger') },
    {
      name: 'null-dereference-in-module',
      point,
      bed,
      expected: HOME,
      crash: crashByModule('null-dereference'),
    },
    { name: 'stack-overflow-in-module', point, bed, expected: HOME, crash: crashByModule('stack-overflow') },
    { name: 'panic-in-interrupt-of-uart', point, bed, expected: HOME, crash: crashBySerialBreak },
    {
      name: 'panic-on-cpu-1',
      point,
      bed,
      expected: REPORT_ONLY,
      crash: crashBy('echo c >/proc/sysrq-trigger', 1),
    },
    {
      name: 'out-of-memory',
      point,
      bed,
      expected: HOME,
      crash: crashBy(
        'echo 2 >/proc/sys/vm/panic_on_oom; mkdir -p /hog; mount -t tmpfs -o size=100% hog /hog; dd if=/dev/zero of=/hog/file bs=1M',
      ),
    },
    { name: 'inject-nmi', point, bed, expected: HOME, crash: crashByNmi },
  ];
}

const CAPTURED = /khop: captured/;

function captureTroubles(bed: GuardBed): GuardCase[] {
  const crash = crashBy('echo c >/proc/sysrq-trigger');
  return [
    {
      name: 'capture-panics',
      point: 'program started',
      bed,
      expected: FIRMWARE,
      crash,
      fault: { at: CAPTURED, make: panicByNmi },
    },
    {
      name: 'capture-panics',
      point: 'report on disk',
      bed,
      expected: REPORT_ONLY,
      crash,
      fault: { at: /khop: report /, make: panicByNmi },
    },
    {
      name: 'capture-kernel-hangs-irqs-on',
      point: 'program started',
      bed,
      expected: FIRMWARE,
      crash,
      fault: { at: CAPTURED, make: hangInKernel },
    },
    {
      name: 'capture-hangs-irqs-off-with-watchdog',
      point: 'program started',
      bed: { ...bed, hasWatchdog: true },
      expected: FIRMWARE,
      crash,
      fault: { at: CAPTURED, make: hang },
    },
    {
      name: 'capture-hangs-irqs-off-with-watchdog',
      point: 'panic kernel starts',
      bed: { ...bed, hasWatchdog: true },
      expected: FIRMWARE,
      remark: 'the watchdog was running and is not petted yet',
      crash,
      fault: { at: /Linux version/, make: hang },
    },
    {
      name: 'sysrq-c-with-watchdog',
      point: 'running kernel',
      bed: { ...bed, hasWatchdog: true },
      expected: HOME,
      crash,
    },
    {
      name: 'capture-hangs-irqs-off-without-watchdog',
      point: 'program started',
      bed,
      expected: 'hangs',
      remark: 'no interrupt comes any more: only a hardware watchdog could end it, and there is none',
      crash,
      fault: { at: CAPTURED, make: hang },
    },
    {
      name: 'capture-program-hangs',
      point: 'home loaded',
      bed,
      // Its second process leaves at the deadline.
      expected: ANY_REPORT,
      crash,
      fault: { at: /khop: home-loaded/, make: hangProgram },
    },
    {
      name: 'capture-out-of-memory',
      point: 'home loaded',
      bed,
      expected: FIRMWARE,
      crash,
      fault: { at: /khop: home-loaded/, make: exhaustMemory },
    },
  ];
}

/** A disk that takes no report keeps none away: it comes home in memory, too (docs/decisions/report-in-memory.md). */
function diskTroubles(bed: GuardBed): GuardCase[] {
  const crash = crashBy('echo c >/proc/sysrq-trigger');
  return [
    {
      name: 'target-missing',
      point: 'before the crash',
      bed,
      expected: HOME,
      prepare: unplugTarget,
      crash,
    },
    {
      name: 'target-full',
      point: 'before the crash',
      bed,
      expected: HOME,
      remark: 'the disk is as full at home, and takes the report once there is room',
      prepare: fillDisk,
      repair: freeDisk,
      crash,
    },
    {
      name: 'target-read-only',
      point: 'before the crash',
      bed,
      expected: HOME,
      alter: readOnlyTarget,
      crash,
    },
    {
      name: 'target-does-not-answer',
      point: 'program started',
      bed,
      expected: 'home',
      crash,
      fault: { at: CAPTURED, make: starveDisk },
    },
    {
      name: 'target-does-not-answer',
      point: 'target mounted',
      bed,
      expected: 'home',
      crash,
      fault: { at: /khop: target-mounted/, make: starveDisk },
    },
  ];
}

function powerCuts(bed: GuardBed, points: readonly CutPoint[]): GuardCase[] {
  return points.map((cut) => ({
    name: 'power-cut',
    point: cut.name,
    bed,
    // A machine that is switched on comes through its firmware, and no memory has brought a report along.
    expected: cut.hasReport ? REPORT_ONLY : FIRMWARE,
    crash: crashBy('echo c >/proc/sysrq-trigger'),
    cut,
  }));
}

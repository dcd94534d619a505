/**
 * When a machine loses its power on the way home: at the steps that its console tells of, and between them.
 *
 * The cut kills QEMU, whose disks have `cache=unsafe` (src/lab/qemu.ts). What QEMU has got from the guest outlives it in the
 * host's page cache, and its own tables of where that lies are written out whenever the guest flushes. So the cut takes
 * what the guest had not written out, and may take what it had not flushed, as with a disk that has a cache: a report
 * that the panic kernel calls saved before it has synced all of it is missing.
 * @module
 */

/** A moment after the crash. */
export interface CutPoint {
  readonly name: string;
  /** The line of the console that it is counted from, and how long after it. */
  readonly after: RegExp;
  readonly ms: number;
  /** By then the panic kernel has said that the report is on the disk; before, nobody knows. */
  readonly hasReport: boolean;
}

interface CutStep {
  readonly name: string;
  readonly line: RegExp;
  readonly delays: readonly number[];
  readonly hasReport?: boolean;
}

const STEPS: readonly CutStep[] = [
  { name: 'panic', line: /Kernel panic|sysrq: Trigger a crash/, delays: [0, 250, 1000, 2500] },
  { name: 'captured', line: /khop: captured/, delays: [0, 20] },
  { name: 'home-loaded', line: /khop: home-loaded/, delays: [0] },
  { name: 'log-read', line: /khop: log-read/, delays: [0, 50] },
  { name: 'target-mounted', line: /khop: target-mounted/, delays: [0, 5, 10, 20, 40, 80] },
  // The line comes when all of the report is synced, its name as well; what follows replaces the steps in it by rename.
  { name: 'report', line: /khop: report /, delays: [0, 10, 30], hasReport: true },
  // The known-good kernel of this bed mounts nothing by itself.
  { name: 'leave-kexec', line: /khop: leave-kexec/, delays: [0, 50, 300, 1500, 4000], hasReport: true },
];

export const CUT_POINTS: readonly CutPoint[] = STEPS.flatMap(({ name, line, delays, hasReport = false }) =>
  delays.map((ms) => ({ name: ms === 0 ? name : `${name} + ${ms} ms`, after: line, ms, hasReport })),
);

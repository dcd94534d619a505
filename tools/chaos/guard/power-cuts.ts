/**
 * When a machine loses its power on the way home: at the steps that its console tells of, and between them.
 * @module
 */

/** A moment after the crash. */
export interface CutPoint {
  readonly name: string;
  /** The line of the console that it is counted from, and how long after it. */
  readonly after: RegExp;
  readonly ms: number;
}

const STEPS: readonly { readonly name: string; readonly line: RegExp; readonly delays: readonly number[] }[] =
  [
    { name: 'panic', line: /Kernel panic|sysrq: Trigger a crash/, delays: [0, 250, 1000, 2500] },
    { name: 'captured', line: /khop: captured/, delays: [0, 20] },
    { name: 'home-loaded', line: /khop: home-loaded/, delays: [0] },
    { name: 'log-read', line: /khop: log-read/, delays: [0, 50] },
    { name: 'target-mounted', line: /khop: target-mounted/, delays: [0, 5, 10, 20, 40, 80] },
    { name: 'report', line: /khop: report /, delays: [0, 10, 30] },
    { name: 'leave-kexec', line: /khop: leave-kexec/, delays: [0, 50, 300, 1500, 4000] },
  ];

export const CUT_POINTS: readonly CutPoint[] = STEPS.flatMap(({ name, line, delays }) =>
  delays.map((ms) => ({ name: ms === 0 ? name : `${name} + ${ms} ms`, after: line, ms })),
);

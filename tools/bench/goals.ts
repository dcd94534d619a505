/**
 * What was aimed at, beside what was measured: reached or not, by the report's own figures.
 * @module
 */
import type { BenchReport, KernelResult, LoadStepResult, RecoveryResult } from './report.ts';
import { median } from './statistics.ts';
import { renderCount } from './text-report.ts';

/** One goal. */
export interface Goal {
  readonly title: string;
  readonly aim: string;
  /** Undefined: it was not measured. */
  readonly measured: string | undefined;
  readonly isReached: boolean;
}

/** Blackout, then how many times less it is at least than each of the others. */
const BLACKOUT_GOALS = [
  { line: '6.1', most: 0.8e9, timesLess: { 'kexec-l': 16, 'kexec-s': 16, 'kexec-l-i': 9 } },
  { line: '6.12', most: 1e9, timesLess: { 'kexec-l': 10, 'kexec-s': 10, 'kexec-l-i': 5 } },
] as const;

/** From the jump to start_kernel. */
const JUMP_MOST = 20e6;

/** Share of another method's time without a service. */
const DOWNTIME_GOALS = [
  { than: 'systemctl-kexec', most: 0.4 },
  { than: 'reboot-seabios', most: 0.25 },
  { than: 'reboot-ovmf', most: 0.25 },
] as const;

/** How many times sooner than kdump-tools on a machine with the same firmware. */
const RECOVERY_GOALS = [
  { moment: 'report', title: 'report on disk', least: 5 },
  { moment: 'home', title: 'home', least: 3 },
] as const;

const RECOVERY_PAIRS = [
  { ours: 'guard-khop-seabios', theirs: 'guard-kdump-seabios' },
  { ours: 'guard-khop-ovmf', theirs: 'guard-kdump-ovmf' },
] as const;

/** Of kdump-tools' reservation. */
const RESERVATION_MOST = 0.5;

/**
 * The header first. Goals of sections and kernels that the report does not have are left out; what is missing in those
 * that it has is said.
 */
export function goalTable(report: BenchReport): string[][] {
  const goals = [
    ...BLACKOUT_GOALS.flatMap((goal) => blackoutGoals(report.kernels[goal.line], goal)),
    ...loadGoals(report.loadStep ?? []),
    ...downtimeGoals(report),
    ...recoveryGoals(report.recovery ?? []),
  ];
  return [
    ['Goal', 'Aim', 'Measured', 'Reached'],
    ...goals.map(({ title, aim, measured, isReached }) => [
      title,
      aim,
      measured ?? 'not measured',
      measured === undefined ? '-' : isReached ? 'yes' : 'no',
    ]),
  ];
}

function atMost(title: string, value: number | undefined, most: number, render: (value: number) => string) {
  const measured = value === undefined ? undefined : render(value);
  return {
    title,
    aim: `at most ${render(most)}`,
    measured,
    isReached: value !== undefined && value <= most,
  };
}

function notMeasured(title: string, aim: string): Goal {
  return { title, aim, measured: undefined, isReached: false };
}

function blackoutGoals(
  kernel: KernelResult | undefined,
  { line, most, timesLess }: (typeof BLACKOUT_GOALS)[number],
): Goal[] {
  if (kernel === undefined) return [];
  const medianOf = (id: string) => kernel.methods.find((method) => method.id === id)?.median;
  const fast = medianOf('khop-fast');
  const phases = kernel.phases['khop-fast'];
  const jump = phases?.filter(({ id }) => id === 'jump' || id === 'early');
  return [
    atMost(`blackout of --fast, ${line}`, fast, most, renderCount),
    ...Object.entries(timesLess).map(([id, least]): Goal => {
      const other = medianOf(id);
      const ratio = fast === undefined || other === undefined ? undefined : other / fast;
      const title = kernel.methods.find((method) => method.id === id)?.title ?? id;
      return {
        title: `against ${title}, ${line}`,
        aim: `${least} times less`,
        measured: ratio?.toFixed(1),
        isReached: ratio !== undefined && ratio >= least,
      };
    }),
    atMost(
      `jump to start_kernel, ${line}`,
      jump?.reduce((sum, { instructions }) => sum + instructions, 0),
      JUMP_MOST,
      renderCount,
    ),
  ];
}

/** Against kexec -l -i, with the same initramfs. */
function loadGoals(results: readonly LoadStepResult[]): Goal[] {
  const sizes = [...new Set(results.map(({ initrdMib }) => initrdMib))];
  return sizes.flatMap((size): Goal[] => {
    const useOf = (id: string) => results.find((one) => one.id === id && one.initrdMib === size)?.use;
    const [fast, other] = [useOf('khop-fast'), useOf('kexec-l-i')];
    if (fast === undefined || other === undefined)
      return [notMeasured(`load, ${size} MiB`, 'at most what kexec -l -i takes')];
    const mib = (kib: number): string => `${Math.round(kib / 1024)} MiB`;
    const owned = [fast.chargedKib, other.chargedKib] as const;
    const largestKib = size * 1024;
    return [
      atMost(`load, ${size} MiB: CPU`, fast.cpuMs, other.cpuMs, (ms) => `${ms} ms`),
      atMost(`load, ${size} MiB: resident memory`, fast.peakKib, other.peakKib, mib),
      atMost(`load, ${size} MiB: resident, 1.3 of the largest file`, fast.peakKib, 1.3 * largestKib, mib),
      ...(owned[1] === undefined
        ? []
        : [atMost(`load, ${size} MiB: memory of its own`, owned[0], owned[1], mib)]),
    ];
  });
}

function downtimeGoals({ downtime }: BenchReport): Goal[] {
  if (downtime === undefined) return [];
  const find = (id: string) => downtime.find((one) => one.id === id);
  const fast = find('khop-switch-fast')?.median;
  return DOWNTIME_GOALS.map(({ than, most }) => {
    const other = find(than);
    const share = fast === undefined || other?.median === undefined ? undefined : fast / other.median;
    return atMost(
      `downtime of a service, share of ${other?.title ?? than}`,
      share,
      most,
      (value) => `${Math.round(value * 100)} %`,
    );
  });
}

function recoveryGoals(results: readonly RecoveryResult[]): Goal[] {
  if (results.length === 0) return [];
  const find = (id: string) => results.find((one) => one.id === id && one.samples.length > 0);
  return RECOVERY_PAIRS.flatMap(({ ours, theirs }): Goal[] => {
    const [khop, other] = [find(ours), find(theirs)];
    if (khop === undefined || other === undefined) {
      const title = results.find(({ id }) => id === theirs)?.title ?? theirs;
      return [notMeasured(`after a panic, against ${title}`, 'sooner, with less memory')];
    }
    const sooner = RECOVERY_GOALS.map(({ moment, title, least }): Goal => {
      const ratioOf = (clock: 'wallMs' | 'cpuMs'): number => {
        const medianOf = ({ samples }: RecoveryResult) => median(samples.map((one) => one[moment][clock]));
        return medianOf(other) / medianOf(khop);
      };
      return {
        title: `${title} after a panic, against ${other.title}`,
        aim: `${least} times sooner`,
        measured: `${ratioOf('wallMs').toFixed(1)} (by CPU time ${ratioOf('cpuMs').toFixed(1)})`,
        isReached: ratioOf('wallMs') >= least && ratioOf('cpuMs') >= least,
      };
    });
    const most = RESERVATION_MOST * (other.reservedMib ?? 0);
    return [
      ...sooner,
      atMost(`reserved, against ${other.title}`, khop.reservedMib, most, (mib) => `${mib} MiB`),
    ];
  });
}

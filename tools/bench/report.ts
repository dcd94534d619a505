/**
 * What `npm run bench` found out, as it is written to a JSON file. A section is absent when it was not
 * asked for.
 * @module
 */
import { KhopError } from '../../src/error.ts';
import type { ResourceUse } from './resource-use.ts';

/** One method with one kernel. */
export interface MethodResult {
  readonly id: string;
  readonly title: string;
  /** Guest instructions, one a repetition; empty: see `error`. */
  readonly samples: readonly number[];
  readonly median?: number | undefined;
  /** (largest - smallest) / median. */
  readonly spread?: number | undefined;
  /** Of the first repetition; the way through firmware loads nothing beforehand. */
  readonly load?: ResourceUse | undefined;
  readonly error?: string | undefined;
  /** Of khop, as `git describe` says it; reports of before did not have it. */
  readonly commit?: string | undefined;
}

/** A part of a blackout, in guest instructions. */
export interface PhaseResult {
  readonly id: string;
  readonly title: string;
  readonly instructions: number;
}

/** All methods with one kernel. */
export interface KernelResult {
  readonly release: string;
  readonly imageBytes: number;
  /** Packed, as Debian makes it. */
  readonly initrdBytes: number;
  readonly methods: readonly MethodResult[];
  /** By method. */
  readonly phases: Readonly<Record<string, readonly PhaseResult[]>>;
}

/** What loading with an initramfs of one size costs. */
export interface LoadStepResult {
  readonly id: string;
  readonly title: string;
  readonly initrdMib: number;
  /** Of what is done once per kernel, where a method has such a thing. */
  readonly preparation?: ResourceUse | undefined;
  readonly use?: ResourceUse | undefined;
  readonly error?: string | undefined;
}

/** Wall time on the host, medians in ms. */
export interface StartUpResult {
  readonly khopVersionMs: number;
  readonly bareNodeMs: number;
}

/** One switch or restart of the full machine. */
export interface DowntimeSample {
  /** Wall time on the host without an answer of the service. */
  readonly downtimeMs: number;
  /** CPU time of the emulator meanwhile: other work on the host changes it less. */
  readonly cpuMs: number;
  /** From the new kernel's start to its first answer, by its clock. The rest is the way down and the way between. */
  readonly answerMs: number;
  /** From the new kernel's start to PID 1 on the real root, and to the end of systemd's start, by its clock. */
  readonly initMs: number;
  readonly multiUserMs: number;
}

/** One method with the full machine. */
export interface DowntimeResult {
  readonly id: string;
  readonly title: string;
  readonly samples: readonly DowntimeSample[];
  /** Of downtimeMs. */
  readonly median?: number | undefined;
  readonly spread?: number | undefined;
  readonly error?: string | undefined;
}

/** A point of time. */
export interface Moment {
  /** Of the host. */
  readonly wallMs: number;
  /** CPU time of the emulator by then: other work on the host changes it less. */
  readonly cpuMs: number;
}

/** One panic of the full machine; moments are counted from its line on the console. */
export interface RecoverySample {
  /** First line of the capture kernel's user space. */
  readonly capture: Moment;
  /** The log of the dead kernel is on disk, and synced. */
  readonly report: Moment;
  /** Its memory, too; absent where that is not saved. */
  readonly dump?: Moment | undefined;
  /** PID 1 of the known-good kernel on the real root. */
  readonly home: Moment;
  /** It has started everything, and the next panic is guarded against. */
  readonly ready: Moment;
  /** By the name of the file, without dates. */
  readonly savedBytes: Readonly<Record<string, number>>;
}

/** One tool after panics. */
export interface RecoveryResult {
  readonly id: string;
  readonly title: string;
  readonly samples: readonly RecoverySample[];
  readonly reservedMib?: number | undefined;
  readonly error?: string | undefined;
}

/** One run of one method after one fault. */
export interface ReturnRow {
  readonly class: string;
  readonly method: string;
  readonly firmware: string;
  /** From 1. */
  readonly run: number;
  /** Of the host, over a minute, when the run began: whether its seconds can be compared with others. */
  readonly loadAverage?: number | undefined;
  /** `home by kexec`, `home by firmware`, `stays`, or what happened instead. */
  readonly outcome: string;
  /** Whether the known-good kernel came; absent: see `error`. */
  readonly covered?: boolean | undefined;
  /** From the fault to multi-user.target of the known-good kernel: time of the host, and CPU time of the emulator. */
  readonly seconds?: number | undefined;
  readonly cpuSeconds?: number | undefined;
  /** The same to the first unit of its systemd: before it starts what is the same for all. */
  readonly begunSeconds?: number | undefined;
  readonly begunCpuSeconds?: number | undefined;
  /** Of the console, where it did not come. */
  readonly lastLines?: readonly string[] | undefined;
  readonly error?: string | undefined;
}

/** What a report is about. */
export interface ReportOrigin {
  readonly khop: string;
  readonly date: string;
  readonly qemu: string;
  readonly host: string;
}

/** The file. */
export interface BenchReport extends ReportOrigin {
  readonly unit: 'guest instructions';
  /** The medians of the first kernel, by method. */
  readonly blackout: Readonly<Record<string, number>>;
  /** Why methods have no number there. */
  readonly errors: Readonly<Record<string, string>>;
  readonly kernels: Readonly<Record<string, KernelResult>>;
  readonly loadStep?: readonly LoadStepResult[] | undefined;
  readonly startUp?: StartUpResult | undefined;
  readonly downtime?: readonly DowntimeResult[] | undefined;
  readonly recovery?: readonly RecoveryResult[] | undefined;
  readonly returns?: readonly ReturnRow[] | undefined;
}

/** The sections that a run fills. */
export type Findings = Pick<
  BenchReport,
  'kernels' | 'loadStep' | 'startUp' | 'downtime' | 'recovery' | 'returns'
>;

/** `findings` with what is said of them at the top. Either may be a report of before: what else it says is left. */
export function makeReport(origin: ReportOrigin, findings: Findings): BenchReport {
  const first = Object.values(findings.kernels)[0]?.methods ?? [];
  const { khop, date, qemu, host } = origin;
  const { kernels, loadStep, downtime, recovery, returns, startUp } = findings;
  return {
    ...{ khop, date, qemu, host },
    unit: 'guest instructions',
    blackout: Object.fromEntries(
      first.flatMap(({ id, median }) => (median === undefined ? [] : [[id, median]])),
    ),
    errors: Object.fromEntries(first.flatMap(({ id, error }) => (error === undefined ? [] : [[id, error]]))),
    kernels,
    ...(loadStep && { loadStep }),
    ...(downtime && { downtime }),
    ...(recovery && { recovery }),
    ...(returns && { returns }),
    ...(startUp && { startUp }),
  };
}

/**
 * What is known of a kernel, with what was found out now: methods and phases that were not measured again are
 * kept. Of another release nothing is kept.
 * @param order ids of methods as the report has them; others come last
 */
export function mergeKernel(
  known: KernelResult | undefined,
  found: KernelResult,
  order: readonly string[],
): KernelResult {
  if (known?.release !== found.release) return found;
  const all = [...known.methods, ...found.methods];
  const methods = [...new Map(all.map((method) => [method.id, method])).values()];
  const place = ({ id }: MethodResult): number => (order.includes(id) ? order.indexOf(id) : order.length);
  methods.sort((a, b) => place(a) - place(b));
  return { ...found, methods, phases: { ...known.phases, ...found.phases } };
}

/** `result` with the name of the commit that each of its methods was measured with. */
export function stampCommit(result: KernelResult, commit: string | undefined): KernelResult {
  return { ...result, methods: result.methods.map((method) => ({ ...method, commit })) };
}

/** `known` with `found`, which replaces what has the same name. */
export function mergeResult<T>(known: readonly T[] | undefined, found: T, nameOf: (one: T) => string): T[] {
  return [...new Map([...(known ?? []), found].map((one) => [nameOf(one), one])).values()];
}

/** Everything in a report that could not be measured, one sentence each. */
export function failuresOf(findings: Findings): string[] {
  const failure = (where: string, title: string, error: string | undefined): string[] =>
    error === undefined ? [] : [`${where}, ${title}: ${error}`];
  return [
    ...Object.entries(findings.kernels).flatMap(([line, { methods }]) =>
      methods.flatMap(({ title, error }) => failure(`Linux ${line}`, title, error)),
    ),
    ...(findings.loadStep ?? []).flatMap(({ title, initrdMib, error }) =>
      failure(`loading ${initrdMib} MiB`, title, error),
    ),
    ...(findings.downtime ?? []).flatMap(({ title, error }) => failure('full machine', title, error)),
    ...(findings.recovery ?? []).flatMap(({ title, error }) => failure('panic', title, error)),
    ...(findings.returns ?? []).flatMap((row) => failure(row.class, row.method, row.error)),
  ];
}

/** @throws E_FORMAT when `text` is not a report */
export function parseReport(text: string): BenchReport {
  const report = JSON.parse(text) as Partial<BenchReport>;
  if (report.unit === 'guest instructions' && report.kernels !== undefined) return report as BenchReport;
  throw new KhopError('E_FORMAT', 'the file is no report of npm run bench', {
    hint: 'Name another file, or remove this one.',
  });
}

/**
 * The options of `npm run bench`.
 * @module
 */
import { parseArgs } from 'node:util';
import type { KernelLine } from '../../src/lab/kernel-store.ts';
import { usageOf } from '../run-tool.ts';
import { FIRMWARE_WAYS, type FirmwareWay } from './firmware.ts';
import { GUARD_METHODS, type GuardMethod } from './guard-methods.ts';
import { SIZES_MIB } from './load-step.ts';
import { type LoadMethod, METHODS } from './methods.ts';
import { FAULT_CLASSES, type FaultClass } from './returns/fault-classes.ts';
import { RETURN_METHODS, type ReturnMethod } from './returns/return-methods.ts';
import { DOWNTIME_METHODS, type DowntimeMethod } from './service-downtime.ts';

const usage = usageOf('bench');

const LINES: readonly KernelLine[] = ['6.1', '6.12', '7.2'];
const SECTIONS = ['blackout', 'firmware', 'phases', 'load', 'start', 'full', 'guard', 'returns'] as const;
const PER_KERNEL: readonly Section[] = ['blackout', 'firmware', 'phases'];
const ROWS = [...METHODS, ...FIRMWARE_WAYS, ...DOWNTIME_METHODS, ...GUARD_METHODS, ...RETURN_METHODS];
const QUICK_METHODS = ['khop-fast', 'khop-file', 'kexec-l', 'kexec-l-i', 'kexec-s'];

/** A part of the report. */
export type Section = (typeof SECTIONS)[number];

/** What to do. */
export interface BenchOptions {
  readonly lines: readonly KernelLine[];
  readonly methods: readonly LoadMethod[];
  readonly ways: readonly FirmwareWay[];
  /** MiB; none: that section is not asked for. */
  readonly loadSizes: readonly number[];
  readonly downtimeMethods: readonly DowntimeMethod[];
  readonly guardMethods: readonly GuardMethod[];
  readonly returnMethods: readonly ReturnMethod[];
  /** Of section returns. */
  readonly classes: readonly FaultClass[];
  readonly sections: ReadonlySet<Section>;
  readonly repetitions: number;
  readonly json: string | undefined;
  readonly add: string | undefined;
  readonly hasDocs: boolean;
}

export const HELP = `usage: npm run bench -- [--quick] [--json FILE] [--docs] [OPTION...]

Measures the blackout: from the old user space's last instruction, the call reboot(LINUX_REBOOT_CMD_KEXEC),
to the first instruction of the new kernel's init, in guest instructions of an emulated machine (QEMU,
-icount: one instruction is one nanosecond of the guest). Such numbers are the same on any host.

  --quick         kernel 6.1 only, each method once: some minutes; everything takes hours
  --json FILE     write everything that was found to FILE
  --docs          write docs/benchmark.json, .md and .svg, and docs/returns.json and .md, of what there is
  --add FILE      begin with what FILE, a report of before, says; what is measured now replaces it
  --from FILE     measure nothing: print that report, or make the documents from it
  --kernel LINE   ${LINES.join(', ')}; may be repeated
  --method ID     one of the methods below; may be repeated
  --only SECTION  ${SECTIONS.join(', ')}; may be repeated
  --class ID      of section returns, one of the faults below; may be repeated
  --size MIB      of the initramfs that are loaded in section load: 60, 300; may be repeated
  --repeat N      jumps of each method: 3 unless told, 1 with --quick

Methods:
${ROWS.map(({ id, title }) => `  ${id.padEnd(32)}${title}`).join('\n')}

Faults:
${FAULT_CLASSES.map(({ id, title }) => `  ${id.padEnd(32)}${title}`).join('\n')}

Sections: blackouts of all methods; the way through firmware; where the instructions go; what loading costs;
how long the executable takes to start; what a client sees of a full Debian machine (wall time); how soon such
a machine is home after a panic, and its report on disk (wall time).
Root is needed once, to build the initramfs of a Debian installation.
Exit status 1: something could not be measured; the last lines say what and why.`;

/** @throws E_USAGE when a name or number is none of ours */
export function parseOptions(argv: readonly string[]): BenchOptions | 'help' {
  const { values } = parse(argv);
  if (values.help) return 'help';
  const isQuick = values.quick ?? false;
  const ids = ROWS.map(({ id }) => id);
  const wanted = choose('method', values.method, ids, isQuick ? QUICK_METHODS : ids);
  const sections = new Set(choose('section', values.only, SECTIONS, isQuick ? ['blackout'] : SECTIONS));
  const lines = choose('kernel', values.kernel, LINES, isQuick ? ['6.1'] : LINES);
  const classIds = FAULT_CLASSES.map(({ id }) => id);
  const classes = choose('class', values.class, classIds, classIds);
  const has = (section: Section): boolean => sections.has(section) && !isRenderOnly(values);
  return {
    lines: PER_KERNEL.some((section) => sections.has(section)) && !isRenderOnly(values) ? lines : [],
    methods: METHODS.filter(({ id }) => wanted.includes(id)),
    ways: FIRMWARE_WAYS.filter(({ id }) => wanted.includes(id)),
    loadSizes: SIZES_MIB.filter((size) => has('load') && (values.size ?? [`${size}`]).includes(`${size}`)),
    downtimeMethods: DOWNTIME_METHODS.filter(({ id }) => has('full') && wanted.includes(id)),
    guardMethods: GUARD_METHODS.filter(({ id }) => has('guard') && wanted.includes(id)),
    returnMethods: RETURN_METHODS.filter(({ id }) => has('returns') && wanted.includes(id)),
    classes: FAULT_CLASSES.filter(({ id }) => classes.includes(id)),
    sections: isRenderOnly(values) ? new Set() : sections,
    repetitions: parseCount(values.repeat ?? (isQuick ? '1' : '3')),
    json: values.json,
    add: values.add ?? values.from,
    hasDocs: values.docs ?? false,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        help: { type: 'boolean', short: 'h' },
        quick: { type: 'boolean' },
        json: { type: 'string' },
        docs: { type: 'boolean' },
        add: { type: 'string' },
        from: { type: 'string' },
        kernel: { type: 'string', multiple: true },
        method: { type: 'string', multiple: true },
        class: { type: 'string', multiple: true },
        only: { type: 'string', multiple: true },
        repeat: { type: 'string' },
        size: { type: 'string', multiple: true },
      },
    });
  } catch (cause) {
    throw usage((cause as Error).message);
  }
}

/** With --from nothing is measured: a report is printed or made into documents again. */
function isRenderOnly(values: { readonly from?: string | undefined }): boolean {
  return values.from !== undefined;
}

function choose<T extends string>(
  what: string,
  given: readonly string[] | undefined,
  known: readonly T[],
  otherwise: readonly string[],
): T[] {
  const unknown = given?.find((name) => !known.some((one) => one === name));
  if (unknown !== undefined) throw usage(`there is no ${what} ${unknown}; there are ${known.join(', ')}`);
  return known.filter((name) => (given ?? otherwise).includes(name));
}

function parseCount(text: string): number {
  if (!/^[1-9]\d?$/.test(text)) throw usage(`--repeat takes a number from 1 to 99, not ${text}`);
  return Number(text);
}

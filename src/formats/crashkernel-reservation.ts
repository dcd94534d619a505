/**
 * What a kernel makes of the crashkernel= arguments of its command line.
 * Specification: linux kernel/crash_reserve.c, parse_crashkernel() and reserve_crashkernel_generic().
 * @module
 */
import { KhopError } from '../error.ts';
import { type CrashkernelArgument, parseCrashkernel } from './crashkernel.ts';

/** What the kernel knows when it reads the arguments. */
export interface CrashkernelMachine {
  /** Bytes of RAM that the firmware's map has, those of reservations included. */
  readonly ramBytes: bigint;
  /** What `SIZE,high` gets below 4 GiB when no `SIZE,low` says it; see `LOW_DEFAULT_BYTES`. */
  readonly lowDefaultBytes: bigint;
  /** Since 6.17. An older kernel takes `SIZE,cma` for a malformed plain argument. */
  readonly knowsCma: boolean;
}

/** x86: asm/crash_reserve.h, crash_low_size_default(); arm64 has the generic value. */
export const LOW_DEFAULT_BYTES = { 'x86-64': 256n << 20n, arm64: 128n << 20n } as const;

/** Bytes that are asked for. Whether a range of that size is free is another question. */
export interface CrashkernelReservation {
  /** 0n: nothing is reserved. */
  readonly mainBytes: bigint;
  /** `below-4g` and `above-4g` are tried first, the other one next; an address is tried alone. */
  readonly place: 'below-4g' | 'above-4g' | { readonly address: bigint };
  /** On top below 4 GiB, if the main one comes to lie above. */
  readonly lowBytes: bigint;
  /** On top, used by the running kernel for what can be moved. */
  readonly cmaBytes: bigint;
  /** Why nothing is reserved though arguments are there. */
  readonly problem: string | undefined;
}

const NOTHING: CrashkernelReservation = {
  mainBytes: 0n,
  place: 'below-4g',
  lowBytes: 0n,
  cmaBytes: 0n,
  problem: undefined,
};

/** parse_crashkernel_mem() rounds up, as firmware takes some for itself. */
const RANGE_GRANULE = 128n << 20n;

/**
 * What the kernel would reserve for `values`, all crashkernel= of its command line in order. Of each kind the
 * last counts; a plain one makes it forget `,high` and `,low`. A malformed one is never replaced by an earlier.
 */
export function crashkernelReservation(
  values: readonly string[],
  machine: CrashkernelMachine,
): CrashkernelReservation {
  const suffixes = machine.knowsCma ? [',high', ',low', ',cma'] : [',high', ',low'];
  const plain = values.findLast((value) => !suffixes.some((suffix) => value.endsWith(suffix)));
  const last = (suffix: string): string | undefined =>
    suffixes.includes(suffix) ? values.findLast((value) => value.endsWith(suffix)) : undefined;
  try {
    const main =
      plain === undefined
        ? highReservation(last(',high'), last(',low'), machine)
        : plainReservation(parseKnown(plain, machine), machine);
    const isTooLarge = main.mainBytes >= machine.ramBytes;
    if (isTooLarge) return { ...NOTHING, problem: 'more is asked for than the machine has' };
    if (main.mainBytes === 0n)
      return {
        ...NOTHING,
        problem: values.length === 0 ? undefined : (main.problem ?? 'it asks for 0 bytes'),
      };
    return { ...main, cmaBytes: cmaBytes(last(',cma')) };
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return { ...NOTHING, problem: error.message };
  }
}

/** @throws E_USAGE */
function parseKnown(value: string, machine: CrashkernelMachine): CrashkernelArgument {
  const argument = parseCrashkernel(value);
  if (argument.kind !== 'cma' || machine.knowsCma) return argument;
  throw new KhopError(
    'E_USAGE',
    `crashkernel=${value}: this kernel does not know ,cma and reserves nothing`,
    {
      hint: 'Write it before the plain crashkernel=, or use Linux 6.17 or newer.',
    },
  );
}

function plainReservation(
  argument: CrashkernelArgument,
  machine: CrashkernelMachine,
): CrashkernelReservation {
  // Without room below 4 GiB the kernel looks above and adds its own default below; ,low does not count then.
  const at = (mainBytes: bigint, offset: bigint | undefined): CrashkernelReservation => ({
    ...NOTHING,
    mainBytes,
    place: offset === undefined || offset === 0n ? 'below-4g' : { address: offset },
    lowBytes: offset === undefined || offset === 0n ? machine.lowDefaultBytes : 0n,
  });
  if (argument.kind === 'size') return at(argument.size, argument.offset);
  if (argument.kind !== 'ranges') return NOTHING;
  const ram = ((machine.ramBytes + RANGE_GRANULE - 1n) / RANGE_GRANULE) * RANGE_GRANULE;
  for (const { start, end, size } of argument.ranges) {
    // The kernel gives up at a range that is not even this machine's.
    if (size >= ram) return { ...NOTHING, problem: `a range asks for ${size} bytes, the machine has ${ram}` };
    if (ram >= start && (end === undefined || ram < end)) return at(size, argument.offset);
  }
  return { ...NOTHING, problem: `no range is for a machine of ${ram} bytes` };
}

/** @throws E_USAGE */
function highReservation(
  high: string | undefined,
  low: string | undefined,
  machine: CrashkernelMachine,
): CrashkernelReservation {
  if (high === undefined) return { ...NOTHING, problem: ',low and ,cma alone reserve nothing' };
  const mainBytes = suffixBytes(high);
  const lowBytes = low === undefined ? machine.lowDefaultBytes : suffixBytes(low);
  return { ...NOTHING, mainBytes, place: 'above-4g', lowBytes };
}

/** @throws E_USAGE */
function suffixBytes(value: string): bigint {
  const argument = parseCrashkernel(value);
  return argument.kind === 'ranges' ? 0n : argument.size;
}

/** A malformed one is ignored: the kernel does not look at the result. */
function cmaBytes(value: string | undefined): bigint {
  try {
    return value === undefined ? 0n : suffixBytes(value);
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return 0n;
  }
}

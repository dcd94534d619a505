/**
 * Raw system calls: the only file that knows koffi. The native module is loaded with the first call, so that
 * commands without one do not pay for it. The packaged program has it as `koffi.node` beside the executable,
 * where nothing needs to be unpacked to a /tmp that may be mounted noexec; a checkout has it in node_modules.
 * @module
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { KhopError } from '../error.ts';
import { SYSCALL_NUMBERS, type SyscallName } from '../formats/syscall-numbers.ts';
import { type ErrnoName, errnoName, formatErrno } from './errno.ts';
import { hostArchitecture } from './host-architecture.ts';

/** What khop uses of koffi; its native module has these without koffi's JavaScript around it. */
interface Koffi {
  load(library: null): { func(name: string, result: string, parameters: readonly string[]): RawSyscall };
  address(bytes: Uint8Array): bigint;
  view(address: bigint, length: number): ArrayBuffer;
  errno(): number;
}

interface RawSyscall {
  (...words: bigint[]): number | bigint;
  async(...wordsAndCallback: (bigint | ((error: Error | null, value: number | bigint) => void))[]): void;
}

/** One argument: bytes are passed by address, and `shown` replaces the value in messages. */
export interface SyscallArgument {
  readonly name: string;
  readonly value: number | bigint | Uint8Array | null;
  readonly shown?: string;
  /** Buffers that the bytes point to: kept from the collector until the call is over. */
  readonly holds?: readonly Uint8Array[];
}

/** What a call came to: its result, or errno and its name (undefined when Linux has none). */
export type SyscallOutcome = { readonly ok: true; readonly value: bigint } | FailedCall;

/** `errno` is positive. */
export interface FailedCall {
  readonly ok: false;
  readonly errno: number;
  readonly name: ErrnoName | undefined;
}

/** A failed system call; `message` is what strace would print. */
export class SyscallError extends KhopError {
  /** Positive errno. */
  readonly errno: number;
  readonly errnoName: ErrnoName | undefined;

  constructor(message: string, errno: number, hint: string) {
    super('E_SYSCALL', message, { hint });
    this.name = 'SyscallError';
    this.errno = errno;
    this.errnoName = errnoName(errno);
  }
}

/** The number and six arguments. */
const WORDS = 7;

/** Arguments of calls under way: the collector must not free buffers that the kernel is reading. */
const inKernel = new Set<readonly SyscallArgument[]>();

let loaded: { readonly koffi: Koffi; readonly call: RawSyscall } | undefined;

/** Where the packaged program keeps koffi's native module. */
export function packagedModulePath(executable: string = process.execPath): string {
  return join(dirname(executable), 'koffi.node');
}

function loadKoffi(): Koffi {
  const packaged = packagedModulePath();
  if (!existsSync(packaged)) return createRequire(import.meta.url)('koffi') as Koffi;
  const holder: { exports: unknown } = { exports: {} };
  process.dlopen(holder, packaged);
  return holder.exports as Koffi;
}

function native(): { readonly koffi: Koffi; readonly call: RawSyscall } {
  if (loaded !== undefined) return loaded;
  try {
    const koffi = loadKoffi();
    // Variadic and fixed calls with integer arguments are the same in the System V x86-64 and Linux AArch64 ABIs.
    const call = koffi.load(null).func('syscall', 'int64', Array<string>(WORDS).fill('int64'));
    loaded = { koffi, call };
    return loaded;
  } catch (cause) {
    throw new KhopError('E_UNREADABLE', `the native module for system calls cannot be loaded: ${cause}`, {
      hint: `Install khop again: it needs ${packagedModulePath()}, or node_modules with koffi in a checkout.`,
      cause,
    });
  }
}

/** The address of `bytes`, for structures that hold pointers. Keep `bytes` referenced until the call is over. */
export function addressOf(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : native().koffi.address(bytes);
}

/** Memory that a call has made, e.g. mmap; it must stay as long as anybody reads the bytes. */
export function memoryAt(address: bigint, length: number): Uint8Array {
  return new Uint8Array(native().koffi.view(address, length));
}

function words(name: SyscallName, args: readonly SyscallArgument[]): bigint[] {
  const values = args.map(({ value }) => {
    if (value === null) return 0n;
    return value instanceof Uint8Array ? addressOf(value) : BigInt(value);
  });
  const number = BigInt(SYSCALL_NUMBERS[hostArchitecture()][name]);
  return [number, ...values, ...Array<bigint>(WORDS - 1 - values.length).fill(0n)].map((word) =>
    BigInt.asIntN(64, word),
  );
}

function outcome(value: number | bigint, errno: number): SyscallOutcome {
  if (BigInt(value) !== -1n) return { ok: true, value: BigInt(value) };
  return { ok: false, errno, name: errnoName(errno) };
}

/** Makes the call and says what came of it. */
export function trySyscall(name: SyscallName, ...args: readonly SyscallArgument[]): SyscallOutcome {
  const { call, koffi } = native();
  inKernel.add(args);
  const value = call(...words(name, args));
  const errno = BigInt(value) === -1n ? koffi.errno() : 0;
  inKernel.delete(args);
  return outcome(value, errno);
}

/** Makes the call. @throws SyscallError */
export function syscall(name: SyscallName, ...args: readonly SyscallArgument[]): bigint {
  const result = trySyscall(name, ...args);
  if (result.ok) return result.value;
  throw syscallError(name, args, result.errno);
}

/** Makes the call on another thread; this one goes on. */
export function startSyscall(
  name: SyscallName,
  ...args: readonly SyscallArgument[]
): Promise<SyscallOutcome> {
  const { promise, resolve, reject } = Promise.withResolvers<SyscallOutcome>();
  const { call, koffi } = native();
  inKernel.add(args);
  call.async(...words(name, args), (error, value) => {
    inKernel.delete(args);
    if (error !== null) reject(error);
    else resolve(outcome(value, BigInt(value) === -1n ? koffi.errno() : 0));
  });
  return promise;
}

/**
 * Makes a call that may block for ever (unmounting a dead server's share) on another thread. A call that
 * passes its deadline goes on in the kernel; nobody waits for it.
 * @throws E_TIMEOUT
 */
export async function trySyscallWithin(
  timeoutMs: number,
  name: SyscallName,
  ...args: readonly SyscallArgument[]
): Promise<SyscallOutcome> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () =>
      reject(
        new KhopError('E_TIMEOUT', `${formatCall(name, args)} did not return within ${timeoutMs / 1000} s`, {
          hint: 'A device or server does not answer; the kernel log says which.',
        }),
      ),
    timeoutMs,
  );
  try {
    return await Promise.race([startSyscall(name, ...args), promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** `kexec_load(entry=0x1000, nr_segments=5, flags=KEXEC_ARCH_X86_64)`; bytes are shown as their length. */
export function formatCall(name: SyscallName, args: readonly SyscallArgument[]): string {
  return `${name}(${args.map((arg) => `${arg.name}=${arg.shown ?? formatValue(arg.value)}`).join(', ')})`;
}

function formatValue(value: SyscallArgument['value']): string {
  if (value === null) return 'NULL';
  if (value instanceof Uint8Array) return `<${value.length} bytes>`;
  return typeof value === 'bigint' ? `0x${value.toString(16)}` : String(value);
}

/** The error for a call that failed with `errno`. */
export function syscallError(
  name: SyscallName,
  args: readonly SyscallArgument[],
  errno: number,
  details: { readonly notes?: readonly string[]; readonly hint?: string } = {},
): SyscallError {
  const line = `${formatCall(name, args)} = -1 ${formatErrno(errno)}`;
  const hint =
    details.hint ?? `The manual page ${name}(2) lists the reasons; the kernel log may name this one.`;
  return new SyscallError([line, ...(details.notes ?? [])].join('\n'), errno, hint);
}

/** A NUL-terminated string argument, shown quoted. */
export function textArgument(name: string, text: string): SyscallArgument {
  return { name, value: Buffer.from(`${text}\0`), shown: JSON.stringify(text) };
}

/** Names of the set bits of `flags`, as `A|B|0x80`; bits without a name stay a number, and none is `0`. */
export function formatFlags(flags: number, names: Readonly<Record<string, number>>): string {
  const shown: string[] = [];
  let rest = flags >>> 0;
  for (const [name, bits] of Object.entries(names)) {
    if (bits === 0 || (flags & bits) >>> 0 !== bits) continue;
    shown.push(name);
    rest = (rest & ~bits) >>> 0;
  }
  if (rest !== 0 || shown.length === 0) shown.push(rest === 0 ? '0' : `0x${rest.toString(16)}`);
  return shown.join('|');
}

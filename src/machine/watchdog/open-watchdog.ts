/**
 * A watchdog in our hands. Opening it starts it, and letting go of it does not stop it: see
 * Documentation/watchdog/watchdog-api.rst.
 * @module
 */
import { basename, join } from 'node:path';
import { KhopError } from '../../error.ts';
import { valueOf } from '../reading.ts';
import { booleanOf, readText } from '../source.ts';
import { SyscallError } from '../syscall.ts';
import {
  theseWatchdogs,
  WATCHDOG_INFO_SIZE,
  type WatchdogCalls,
  type WDIOC,
  WDIOF_MAGICCLOSE,
} from './calls.ts';
import { findHolder } from './holder.ts';

/** Where the device is. */
export interface WatchdogPlace {
  readonly root: string;
  /** `/dev/watchdog0`. */
  readonly device: string;
  readonly calls?: WatchdogCalls | undefined;
}

/** An open device; disposing lets go of it, and it counts on where its driver knows the magic close. */
export class OpenWatchdog implements Disposable {
  readonly #place: WatchdogPlace;
  readonly #calls: WatchdogCalls;
  #descriptor: number | undefined;

  /** @throws E_BUSY naming who has it open; E_NOT_FOUND; E_UNREADABLE */
  constructor(place: WatchdogPlace) {
    this.#place = place;
    this.#calls = place.calls ?? theseWatchdogs();
    try {
      this.#descriptor = this.#calls.open(join(place.root, place.device));
    } catch (cause) {
      throw openError(place, cause);
    }
  }

  /** Whether closing without a word leaves it counting. */
  get knowsMagicClose(): boolean {
    const info = new Uint8Array(WATCHDOG_INFO_SIZE);
    if (!this.#ioctl('WDIOC_GETSUPPORT', info)) return false;
    return (new DataView(info.buffer).getUint32(0, true) & WDIOF_MAGICCLOSE) !== 0;
  }

  /** From now on it counts from its full time again. @throws E_SYSCALL */
  pet(): void {
    this.#must('WDIOC_KEEPALIVE', 0);
  }

  /** @returns what it counts from now on, which may differ from what it was told. @throws E_SYSCALL */
  setTimeoutSeconds(seconds: number): number {
    this.#must('WDIOC_SETTIMEOUT', seconds);
    return this.#must('WDIOC_GETTIMEOUT', 0);
  }

  /** Undefined where the driver does not tell. */
  get timeLeftSeconds(): number | undefined {
    const word = new Uint8Array(4);
    return this.#ioctl('WDIOC_GETTIMELEFT', word) ? new DataView(word.buffer).getInt32(0, true) : undefined;
  }

  /** @param option WDIOS_DISABLECARD or WDIOS_ENABLECARD. @throws E_SYSCALL */
  setOption(option: number): void {
    this.#must('WDIOC_SETOPTIONS', option);
  }

  async sleep(ms: number): Promise<void> {
    await this.#calls.sleep(ms);
  }

  /** Closes it so that it stops, if it can be stopped: see `isCounting`. */
  closeToStop(): void {
    try {
      if (this.#descriptor !== undefined) this.#calls.write(this.#descriptor, 'V');
    } finally {
      this[Symbol.dispose]();
    }
  }

  [Symbol.dispose](): void {
    if (this.#descriptor !== undefined) this.#calls.close(this.#descriptor);
    this.#descriptor = undefined;
  }

  #must(request: keyof typeof WDIOC, value: number): number {
    const word = new Uint8Array(4);
    new DataView(word.buffer).setInt32(0, value, true);
    const outcome = this.#calls.ioctl(this.#descriptor ?? -1, request, word);
    if (outcome.ok) return new DataView(word.buffer).getInt32(0, true);
    throw new SyscallError(
      `ioctl(${this.#place.device}, ${request}, ${value}) = -1 ${outcome.name ?? outcome.errno}`,
      outcome.errno,
      'The driver of this watchdog cannot do that; the kernel log may say why.',
    );
  }

  #ioctl(request: keyof typeof WDIOC, argument: Uint8Array): boolean {
    return this.#calls.ioctl(this.#descriptor ?? -1, request, argument).ok;
  }
}

/** What sysfs says; undefined where it says nothing, as of drivers with /dev/watchdog alone. */
export function isCounting({ root, device }: WatchdogPlace): boolean | undefined {
  const state = valueOf(readText(root, watchdogFile(device, 'state')));
  return state === undefined ? undefined : state === 'active';
}

export function isNowayout({ root, device }: WatchdogPlace): boolean | undefined {
  return booleanOf(valueOf(readText(root, watchdogFile(device, 'nowayout'))) ?? '');
}

/** `/sys/class/watchdog/watchdog0/state`. */
export function watchdogFile(device: string, file: string): string {
  return `/sys/class/watchdog/${basename(device)}/${file}`;
}

function openError({ root, device }: WatchdogPlace, cause: unknown): KhopError {
  const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
  if (code === 'EBUSY') {
    const holder = findHolder(root, basename(device)) ?? 'another program';
    return new KhopError('E_BUSY', `${device} is held by ${holder}`, {
      hint: 'Stop that program first, or go without the watchdog.',
      cause,
    });
  }
  const isMissing = code === 'ENOENT' || code === 'ENODEV';
  return new KhopError(isMissing ? 'E_NOT_FOUND' : 'E_UNREADABLE', `${device} cannot be opened: ${code}`, {
    hint: isMissing ? 'Load the driver of the watchdog.' : 'Run khop as root.',
    cause,
  });
}

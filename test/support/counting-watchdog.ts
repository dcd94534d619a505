/**
 * A watchdog of memory and files: as the kernel's watchdog core does it, with the states of sysfs in a built tree.
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SyscallOutcome } from '../../src/machine/syscall.ts';
import { type WatchdogCalls, type WDIOC, WDIOF_MAGICCLOSE } from '../../src/machine/watchdog/calls.ts';
import { type BuiltTree, buildTree, prefix, type TreeFiles } from './tree-builder.ts';

/** How the device differs from a good one. */
export interface CountingWatchdogOptions {
  readonly hasMagicClose?: boolean;
  readonly tellsTimeLeft?: boolean;
  readonly mostSeconds?: number;
  /** Its time does not run. */
  readonly isStuck?: boolean;
  /** It counts already, started without a lock. */
  readonly isActive?: boolean;
  readonly isNowayout?: boolean;
  /** Without a class device: no files. */
  readonly isLegacy?: boolean;
  readonly isBusy?: boolean;
  readonly files?: TreeFiles;
}

const FOLDER = 'sys/class/watchdog/watchdog0';

/** Dispose it as the tree that it is. */
export class CountingWatchdog implements Disposable {
  readonly root: string;
  readonly calls: WatchdogCalls;
  /** Calls by name, in their order. */
  readonly did: string[] = [];
  timeoutSeconds = 60;
  leftMs = 60_000;
  isRunning: boolean;
  /** Of the hardware: set when it starts with nowayout. */
  isLocked = false;
  readonly #tree: BuiltTree;
  readonly #options: CountingWatchdogOptions;
  #isOpen = false;
  #mayStop = false;

  constructor(options: CountingWatchdogOptions = {}) {
    this.#options = options;
    this.isRunning = options.isActive ?? false;
    const attributes = prefix(FOLDER, {
      state: this.isRunning ? 'active\n' : 'inactive\n',
      nowayout: options.isNowayout ? '1\n' : '0\n',
    });
    this.#tree = buildTree({ 'dev/': '', ...(options.isLegacy ? {} : attributes), ...options.files });
    this.root = this.#tree.root;
    this.calls = {
      open: () => this.#open(),
      ioctl: (_descriptor, request, argument) => this.#ioctl(request, argument),
      write: (_descriptor, text) => {
        this.did.push(`write ${text}`);
        this.#mayStop = text.includes('V');
        this.#reload();
      },
      close: () => this.#close(),
      sleep: async (ms) => {
        if (this.isRunning && !options.isStuck) this.leftMs -= ms;
      },
    };
  }

  get #isNowayout(): boolean {
    if (this.#options.isLegacy) return this.#options.isNowayout ?? false;
    return readFileSync(join(this.root, FOLDER, 'nowayout'), 'utf8').trim() === '1';
  }

  #open(): number {
    if (this.#isOpen || this.#options.isBusy) throw Object.assign(new Error('busy'), { code: 'EBUSY' });
    this.did.push('open');
    this.#isOpen = true;
    this.#start();
    return 7;
  }

  #close(): void {
    this.did.push('close');
    this.#isOpen = false;
    if (this.#mayStop || !(this.#options.hasMagicClose ?? true)) this.#stop();
    this.#mayStop = false;
  }

  #start(): void {
    if (this.isRunning) return;
    this.isRunning = true;
    this.isLocked ||= this.#isNowayout;
    this.#reload();
    this.#show();
  }

  #stop(): void {
    if (this.#isNowayout || this.isLocked) return;
    this.isRunning = false;
    this.#show();
  }

  #reload(): void {
    this.leftMs = this.timeoutSeconds * 1000;
  }

  #show(): void {
    if (!this.#options.isLegacy)
      writeFileSync(join(this.root, FOLDER, 'state'), this.isRunning ? 'active\n' : 'inactive\n');
  }

  #ioctl(request: keyof typeof WDIOC, argument: Uint8Array): SyscallOutcome {
    const view = new DataView(argument.buffer);
    const value = view.getInt32(0, true);
    this.did.push(
      request === 'WDIOC_SETTIMEOUT' || request === 'WDIOC_SETOPTIONS' ? `${request} ${value}` : request,
    );
    switch (request) {
      case 'WDIOC_GETSUPPORT':
        view.setUint32(0, (this.#options.hasMagicClose ?? true) ? WDIOF_MAGICCLOSE : 0, true);
        break;
      case 'WDIOC_SETOPTIONS':
        if (value === 1 && this.#isNowayout) return { ok: false, errno: 16, name: 'EBUSY' };
        if (value === 1) this.#stop();
        else this.#start();
        break;
      case 'WDIOC_KEEPALIVE':
        this.#reload();
        break;
      case 'WDIOC_SETTIMEOUT':
        this.timeoutSeconds = Math.min(value, this.#options.mostSeconds ?? value);
        this.#reload();
        view.setInt32(0, this.timeoutSeconds, true);
        break;
      case 'WDIOC_GETTIMEOUT':
        view.setInt32(0, this.timeoutSeconds, true);
        break;
      case 'WDIOC_GETTIMELEFT':
        if (!(this.#options.tellsTimeLeft ?? true)) return { ok: false, errno: 95, name: 'EOPNOTSUPP' };
        view.setInt32(0, Math.floor(this.leftMs / 1000), true);
        break;
    }
    return { ok: true, value: 0n };
  }

  [Symbol.dispose](): void {
    this.#tree[Symbol.dispose]();
  }
}

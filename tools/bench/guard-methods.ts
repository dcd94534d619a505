/**
 * The tools that are compared in what they do after a panic. Each is one row: how it is installed and armed in
 * the same full machine, by what it would be installed with anywhere, and how its console is read.
 * @module
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CacheInputs, cachedFolder } from '../../src/lab/cache-folder.ts';
import { findWithDependencies } from '../../src/lab/debian-packages.ts';
import { hashFolder } from '../../src/lab/folder-hash.ts';
import { waitForSystem } from '../../src/lab/full-machine.ts';
import type { FirmwareKind } from '../../src/lab/ovmf.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { quickDeb } from '../package/quick-deb.ts';
import type { CrashSigns } from './crash-moments.ts';
import { fetchMissing, installDebs } from './guest-packages.ts';

/** From the command that leaves this kernel until the next one's agent answers. */
const RESTART_TIMEOUT_MS = 400_000;
const COMMAND = { timeoutMs: 60_000 };
const ROOT = join(import.meta.dirname, '..', '..');
/** What the package is made of. */
const PACKAGED = ['src', 'packaging', 'man', 'completions', join('tools', 'package')];
const PACK_TIMEOUT_MS = 600_000;

/** What is copied into the guest. */
export interface Parcel {
  /** Its contents, for the name of a checkpoint. */
  readonly madeWith: CacheInputs;
  /** Installs it in a machine that has just started, and arms it. */
  readonly install: (machine: VirtualMachine) => Promise<void>;
}

/** One row. */
export interface GuardMethod {
  readonly id: string;
  readonly title: string;
  readonly firmware: FirmwareKind;
  /** Packages of Debian. */
  readonly packages: readonly string[];
  /** What is installed besides; undefined: they are armed as they come. */
  readonly pack: (() => Promise<Parcel>) | undefined;
  readonly signs: CrashSigns;
  /** Where it leaves what it saved. */
  readonly folder: string;
}

const KHOP: Omit<GuardMethod, 'id' | 'title' | 'firmware'> = {
  packages: [],
  pack: () => packKhop('khop guard on', []),
  signs: { capture: /khop: captured \d/, report: /khop: report \d/, dump: undefined },
  folder: '/var/lib/khop/crashes',
};

/** The same memory as kdump-tools saves, by the same program. */
const KHOP_WITH_DUMP: typeof KHOP = {
  ...KHOP,
  pack: () => packKhop('khop guard on --dump filtered', ['makedumpfile']),
  signs: { ...KHOP.signs, dump: /khop: dump-done/ },
};

/** Its word that the log is saved comes before its sync, and this line of its own comes after it. */
const KDUMP_TOOLS: Omit<GuardMethod, 'id' | 'title' | 'firmware'> = {
  packages: ['kdump-tools', 'makedumpfile'],
  pack: undefined,
  signs: { capture: /Welcome to .*Debian/, report: /running makedumpfile/, dump: /saved vmcore in/ },
  folder: '/var/crash',
};

/** In the order of the report. */
export const GUARD_METHODS: readonly GuardMethod[] = [
  { id: 'guard-khop-seabios', title: 'khop guard (SeaBIOS machine)', firmware: 'seabios', ...KHOP },
  { id: 'guard-kdump-seabios', title: 'kdump-tools, SeaBIOS and GRUB', firmware: 'seabios', ...KDUMP_TOOLS },
  {
    id: 'guard-khop-dump-seabios',
    title: 'khop guard --dump filtered (SeaBIOS machine)',
    firmware: 'seabios',
    ...KHOP_WITH_DUMP,
  },
  { id: 'guard-khop-ovmf', title: 'khop guard (OVMF machine)', firmware: 'ovmf', ...KHOP },
  { id: 'guard-kdump-ovmf', title: 'kdump-tools, OVMF and GRUB', firmware: 'ovmf', ...KDUMP_TOOLS },
];

/**
 * The .deb of the sources, and how to arm what it brings.
 * @param command of khop, which switches kernels once
 * @param names packages of Debian that khop makes use of; they go in with what they depend on
 */
export async function packKhop(command: string, names: readonly string[]): Promise<Parcel> {
  const sources = await Promise.all(PACKAGED.map((name) => hashFolder(join(ROOT, name))));
  const khop = { sources, lock: await readFile(join(ROOT, 'package-lock.json'), 'utf8') };
  const folder = await cachedFolder({
    kind: 'bench-package',
    inputs: khop,
    keepDays: 1,
    timeoutMs: PACK_TIMEOUT_MS,
    build: async (target) => await writeFile(join(target, 'khop.deb'), await quickDeb()),
  });
  const packages = await findWithDependencies('bookworm', names, []);
  return {
    madeWith: { khop, command, packages: packages.map(({ sha256 }) => sha256) },
    install: async (machine) => {
      await installDebs(machine, [join(folder, 'khop.deb'), ...(await fetchMissing(machine, packages))]);
      const { bootId } = await machine.waitForHello(COMMAND.timeoutMs);
      await machine.start(`/usr/bin/${command} --yes`);
      await machine.waitForNewKernel(bootId, RESTART_TIMEOUT_MS);
      await waitForSystem(machine);
    },
  };
}

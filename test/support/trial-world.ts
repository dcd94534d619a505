/**
 * A machine with two kernels under systemd-boot and a trial of the newer one, on a disk whose writes can be cut off.
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { GuardWorld } from '../../src/guard/world.ts';
import type { MachineFacts } from '../../src/machine/facts.ts';
import type { CrashHistoryEntry } from '../../src/switch/history.ts';
import { encodeTicket, type Ticket, type TicketTrial } from '../../src/switch/ticket.ts';
import type { StateFiles } from '../../src/switch/world.ts';
import { continuingWorld } from './continuing-world.ts';
import { imageOf } from './fixture-tree.ts';
import { healthyMachine, read } from './machine-facts.ts';
import type { TreeFiles } from './tree-builder.ts';

export const OLD = '6.1.0-50-amd64';
export const NEW = '6.12.9-amd64';
export const TRIAL_ID = 'feedfacecafebeef';
export const TRIAL_ARMING = '00112233445566aa';
export const NOW_MS = 1_800_000_000_000;

export const TRIAL: TicketTrial = {
  phase: 'proof',
  phases: [
    { phase: 'jumping', atMs: NOW_MS - 60_000, upMs: null },
    { phase: 'system', atMs: NOW_MS - 30_000, upMs: 12_000 },
    { phase: 'proof', atMs: NOW_MS - 10_000, upMs: 32_000 },
  ],
  bootDeadlineSeconds: 120,
  deadlineSeconds: 600,
  needsConfirm: true,
  confirmSeconds: 300,
  home: { id: OLD, title: 'Old', release: OLD },
  entryId: NEW,
  arming: TRIAL_ARMING,
  restore: { 'kernel.hung_task_panic': '0' },
  watchdog: null,
  baseline: null,
  coverage: [],
  cause: null,
};

/** @param trial what differs from a kernel that waits to be confirmed */
export function trialTicket(trial: Partial<TicketTrial> = {}, over: Partial<Ticket> = {}) {
  return {
    version: 2,
    id: TRIAL_ID,
    step: 'leaving',
    fromBootId: 'old-boot',
    fromRelease: OLD,
    toRelease: NEW,
    toTitle: 'New',
    image: '/boot/new',
    method: 'file',
    optimisations: [],
    commandLine: `root=/dev/vda1 khop.switch=${TRIAL_ID} khop.trial=${TRIAL_ID}`,
    requestedAtMs: NOW_MS - 62_000,
    loadedAtMs: NOW_MS - 61_000,
    leftAtMs: NOW_MS - 60_000,
    shutdown: 'systemd',
    ...over,
    trial: { ...TRIAL, ...trial },
  } as const satisfies Ticket;
}

/** The kernel on trial, 42 s after its start. */
export function machineOnTrial(over: Partial<MachineFacts> = {}): MachineFacts {
  return healthyMachine({
    release: read(NEW),
    bootId: read('trial-boot'),
    uptimeMs: read(42_000),
    commandLine: read(`root=/dev/vda1 khop.switch=${TRIAL_ID} khop.trial=${TRIAL_ID}`),
    ...over,
  });
}

/** The known-good kernel, in the boot after the trial. @param argument how it came home */
export function machineAtHome(argument = '', bootId = 'home-boot'): MachineFacts {
  return healthyMachine({
    release: read(OLD),
    bootId: read(bootId),
    uptimeMs: read(5000),
    commandLine: read(`root=/dev/vda1 ${argument}`.trim()),
  });
}

/** A crash of the kernel on trial. */
export const TRIAL_CRASH: CrashHistoryEntry = {
  ...{ version: 1, kind: 'crash', id: '2027-01-15T075000Z-6.12', atMs: NOW_MS - 20_000, release: NEW },
  ...{ summary: 'NULL pointer dereference in foo', fingerprint: 'f00', outcome: 'home-by-kexec' },
  ...{ arrivedRelease: OLD, arrivedBootId: 'home-boot', captureMs: 1, upMs: 2 },
};

/** What a test may look at afterwards. */
export interface TrialWorld extends Disposable {
  readonly world: GuardWorld;
  readonly root: string;
  readonly remarks: readonly string[];
  readonly calls: string[];
  /** The text of a state file. */
  readonly text: (name: string) => string | undefined;
  /** Everything that outlives the boot, path -> text. */
  readonly disk: () => Readonly<Record<string, string>>;
}

const LOADER_CONF = 'boot/loader/loader.conf';

/** @param ticket its text; null: there is none @param files besides the two kernels and the ticket */
export function trialWorld(
  machine: MachineFacts,
  ticket: string | null = encodeTicket(trialTicket()),
  files: TreeFiles = {},
  over: Partial<GuardWorld> = {},
): TrialWorld {
  const entry = (name: string, release: string): string =>
    `title ${name}\nversion ${release}\nlinux /${name}\ninitrd /${name}.img\noptions root=/dev/vda1 quiet\n`;
  const at = continuingWorld(
    {
      ...{ 'boot/old': imageOf(OLD), 'boot/old.img': 'old initramfs' },
      ...{ 'boot/new': imageOf(NEW), 'boot/new.img': 'new initramfs' },
      'boot/loader/entries/old.conf': entry('old', OLD),
      'boot/loader/entries/new.conf': entry('new', NEW),
      'state/': '',
      [LOADER_CONF]: 'default old.conf\n',
      ...(ticket === null ? {} : { 'state/trial.json': ticket }),
      ...files,
    },
    machine,
    { nowMs: () => NOW_MS, ...over },
  );
  const { root } = at;
  const read = (path: string): string | undefined => at.world.files.read(join(root, path));
  const base: GuardWorld = { ...at.world, bootLoader: systemdBoot(at.world) };
  return {
    world: { ...base, ...over },
    root,
    remarks: at.remarks,
    calls: at.calls as string[],
    text: (name) => read(`state/${name}`),
    disk: () => ({ ...readFolder(root, 'state'), [LOADER_CONF]: read(LOADER_CONF) ?? '' }),
    [Symbol.dispose]: () => at[Symbol.dispose](),
  };
}

/** Its changes go through the same disk as the state files. */
export function systemdBoot({ folders, files }: GuardWorld): GuardWorld['bootLoader'] {
  const path = join(folders.root, LOADER_CONF);
  return {
    read: async () => ({
      kind: 'systemd-boot',
      loaderConf: { path, text: files.read(path) },
      entries: [],
      unifiedImages: [],
      kernelCommandLine: { path: '/etc/kernel/cmdline', text: undefined },
      entryDefault: undefined,
      entryOneShot: undefined,
    }),
    obstacles: () => [],
    apply: async (steps) => {
      for (const step of steps) if (step.kind === 'file') files.write(step.path, step.after ?? '');
    },
  };
}

function readFolder(root: string, folder: string): Record<string, string> {
  const files = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
  return Object.fromEntries(
    files
      .filter((file) => file.isFile())
      .map((file) => join(file.parentPath, file.name))
      .map((path) => [relative(root, path), readFileSync(path, 'utf8')]),
  );
}

/** What is thrown once the power is gone. */
export class PowerCut extends Error {}

/**
 * The same world, in which the power goes at the `count`-th change (from 0): a line that was being appended is then there
 * by half, and nothing after it happens.
 */
export function withPowerCut(world: GuardWorld, count: number): { world: GuardWorld; isCut: () => boolean } {
  let left = count;
  const change = (work: () => void, half: () => void = () => undefined): void => {
    left -= 1;
    if (left === -1) half();
    if (left < 0) throw new PowerCut('the power is gone');
    work();
  };
  const { files } = world;
  const cut: StateFiles = {
    read: files.read,
    write: (path, text) => change(() => files.write(path, text)),
    append: (path, text) =>
      change(
        () => files.append(path, text),
        () => files.append(path, text.slice(0, text.length / 2)),
      ),
    rename: (path, to) => change(() => files.rename(path, to)),
    remove: (path) => change(() => files.remove(path)),
  };
  const cutWorld = { ...world, files: cut };
  return { world: { ...cutWorld, bootLoader: systemdBoot(cutWorld) }, isCut: () => left < 0 };
}

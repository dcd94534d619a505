/**
 * A trial that is staged on a machine that can do everything, but for what a test takes away.
 * @module
 */
import assert from 'node:assert/strict';
import { cpioFile, encodeCpio } from '../../src/formats/cpio-writer.ts';
import type { MachineFacts, WatchdogFacts } from '../../src/machine/facts.ts';
import { type StagedTrial, stageTrial, type TrialRequest } from '../../src/trial/stage-trial.ts';
import type { TrialWorld } from '../../src/trial/world.ts';
import { trialCalls } from './agent-world.ts';
import { absent, read, restingWatchdog } from './machine-facts.ts';
import type { TreeFiles } from './tree-builder.ts';
import { machineAtHome, NEW, OLD, type TrialWorld as OnDisk, TRIAL_ID, trialWorld } from './trial-world.ts';
import { buildKernelImage } from './unpacked-kernel-builder.ts';

export const initramfs = encodeCpio([cpioFile('init', Buffer.from('#!/bin/sh\n'), 0o755)]);
export const imageOf = (release: string) =>
  buildKernelImage({ header: { kernelVersion: `${release} (builder@host) #1 SMP` } });
const BOOT = {
  ...{ 'boot/old': imageOf(OLD), 'boot/old.img': initramfs },
  ...{ 'boot/new': imageOf(NEW), 'boot/new.img': initramfs },
};
export const entryOf = (options: string, initrd = 'initrd /new.img\n') => ({
  'boot/loader/entries/new.conf': `title new\nversion ${NEW}\nlinux /new\n${initrd}options ${options}\n`,
});

/** What differs from an ordinary trial of the newer kernel. */
interface Given {
  readonly machine?: Partial<MachineFacts>;
  readonly files?: TreeFiles;
  readonly request?: Partial<TrialRequest>;
  readonly over?: Partial<TrialWorld>;
  /** Of every watchdog; then there is no guardian of a trial before. */
  readonly holder?: string;
}

/** A machine that a trial can be staged on, and its state. */
export interface StagingWorld extends Disposable {
  readonly world: TrialWorld;
  readonly at: OnDisk;
}

export function stagingWorld({ machine, files, over, holder }: Omit<Given, 'request'> = {}): StagingWorld {
  const at = trialWorld({ ...machineAtHome(), ...machine }, null, { ...BOOT, ...files });
  const calls = trialCalls(at.world, at.calls, holder === undefined ? {} : { guardian: absent() });
  const world: TrialWorld = {
    ...calls,
    watchdog: { ...calls.watchdog, findHolder: () => holder },
    readReportPlace: (path) => ({ state: 'absent', source: path }),
    readProgramFiles: (name) => ({ state: 'absent', source: name }),
    collectModules: async (_release, names, optional) =>
      [...names, ...optional.filter((name) => name !== 'crc32c_generic')].map((name) => ({
        ...{ name, path: `${name}.ko`, bytes: Buffer.from(`module ${name}`) },
      })),
    ...over,
  };
  return { world, at, [Symbol.dispose]: () => at[Symbol.dispose]() };
}

/** Stages it, hands all that came of it to `look`, and sees to it that nothing was loaded or kept. */
export async function stage(
  { request, ...given }: Given,
  look: (staged: StagedTrial, world: TrialWorld) => void,
): Promise<void> {
  using staging = stagingWorld(given);
  const { world, at } = staging;
  const before = at.disk();
  const deadlines = { bootSeconds: 240, totalSeconds: 600, confirmSeconds: undefined };
  const usual = { selector: NEW, options: {}, id: TRIAL_ID, home: undefined, deadlines };
  look(await stageTrial(world, { ...usual, ...request }), world);
  assert.deepEqual([at.calls, at.disk()], [[], before], 'nothing is loaded, armed or written');
}

export function lineOf({ proposal }: StagedTrial): string {
  assert.ok(proposal.plan !== undefined, proposal.planError?.message ?? 'there is no plan');
  return proposal.plan.commandLine;
}

/** The end of the initrd that is loaded, as text. */
export function archiveOf({ proposal: { plan } }: StagedTrial): string {
  const bytes =
    plan?.method === 'file'
      ? plan.initrd?.bytes
      : plan?.segments.find(({ name }) => name === 'initrd')?.bytes;
  return textOf(bytes);
}

export function textOf(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? new Uint8Array(0)).toString('latin1');
}

const WATCHDOG: Partial<WatchdogFacts> = { isKeptOnReboot: true };
export const watched = (over: Partial<WatchdogFacts> = {}) => ({
  watchdogs: read([restingWatchdog({ ...WATCHDOG, ...over })]),
});

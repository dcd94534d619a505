/**
 * A system that goes on after a panic: /proc/vmcore of a machine that crashed, and the parameter on the command line.
 * @module
 */
import type { GuardWorld } from '../../src/guard/world.ts';
import type { MachineFacts } from '../../src/machine/facts.ts';
import { buildCrashedMachine, type CrashedMachine } from './crashed-machine.ts';
import { encodeElfDump } from './dump-writers.ts';
import { healthyMachine, read } from './machine-facts.ts';
import { quietWorld } from './switch-world.ts';
import { buildTree, type TreeFiles } from './tree-builder.ts';

export const ARMING = '0123456789abcdef';

const RECORD = { nanoseconds: 1_500_000n, level: 6, facility: 0, callerId: 0 };

/** It died of a key that was pressed. */
export function crashedBySysrq(): CrashedMachine {
  return buildCrashedMachine([
    { ...RECORD, text: 'Linux version 6.12.9-khop-test' },
    { ...RECORD, nanoseconds: 2_000_000_000n, text: 'first line\nsecond line' },
    { ...RECORD, facility: 3, level: 5, text: 'from user space' },
    {
      ...RECORD,
      level: 0,
      nanoseconds: 3_000_000_000n,
      text: 'Kernel panic - not syncing: sysrq triggered crash',
    },
  ]);
}

/** Its facts: 400 MiB and one CPU. */
export function continuingMachine(over: Partial<MachineFacts> = {}): MachineFacts {
  const healthy = healthyMachine();
  return {
    ...healthy,
    commandLine: read(`root=/dev/vda1 nr_cpus=1 khop.continue=${ARMING} elfcorehdr=0x60000000`),
    memoryTotalBytes: read(400n << 20n),
    uptimeMs: read(4200),
    cpu: { ...healthy.cpu, online: read(1) },
    ...over,
  };
}

/** What a test may look at afterwards. */
export interface ContinuingWorld extends Disposable {
  readonly world: GuardWorld;
  readonly root: string;
  readonly remarks: readonly string[];
  /** System calls and ways down, in the order in which they were asked for. */
  readonly calls: readonly string[];
}

/** @param files besides /proc/vmcore @param over calls that shall do something else */
export function continuingWorld(
  files: TreeFiles = { 'proc/vmcore': encodeElfDump(crashedBySysrq()) },
  machine: MachineFacts = continuingMachine(),
  over: Partial<GuardWorld> = {},
): ContinuingWorld {
  const tree = buildTree(files);
  const remarks: string[] = [];
  const calls: string[] = [];
  const quiet = quietWorld(tree.root, remarks, { readMachine: () => machine });
  const unexpected = (): never => {
    throw new Error('unexpected call');
  };
  const world: GuardWorld = {
    ...quiet,
    kexec: {
      ...quiet.kexec,
      segmentsLoad: async ({ entry, segments }) => {
        calls.push(`load ${segments.length} at ${entry.toString(16)}`);
      },
      unload: (slot) => {
        calls.push(`unload ${slot}`);
      },
    },
    shutdown: {
      ...quiet.shutdown,
      throughServiceManager: async () => {
        calls.push('kexec.target');
      },
      byOurselves: async () => {
        calls.push('by ourselves');
      },
    },
    bootLoader: { read: unexpected, obstacles: unexpected, apply: unexpected },
    readReportPlace: unexpected,
    findMount: unexpected,
    rawAreas: { find: unexpected, read: unexpected, modules: unexpected, label: unexpected },
    resolveHost: unexpected,
    readNetworkPath: unexpected,
    tryEncryption: unexpected,
    trySsh: unexpected,
    tryCurl: unexpected,
    readSshServer: unexpected,
    readProgramFiles: unexpected,
    collectModules: unexpected,
    rebootThroughFirmware: async () => {
      calls.push('reboot');
    },
    ...over,
  };
  return { world, root: tree.root, remarks, calls, [Symbol.dispose]: () => tree[Symbol.dispose]() };
}

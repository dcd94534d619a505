/**
 * The world as it is: use cases get the machine, the kernel's calls and the state files of this process.
 * @module
 */
import { randomBytes } from 'node:crypto';
import {
  appendDurably,
  readIfPresent,
  removeDurably,
  renameDurably,
  writeDurably,
} from '../machine/durable-file.ts';
import { sayLeaving } from '../machine/guardian-process.ts';
import { endAtOnce, holdSignals } from '../machine/hold-signals.ts';
import { readInitramfsNeeds } from '../machine/initramfs-needs.ts';
import { readKernelLog } from '../machine/kernel-log.ts';
import { kexecFileLoad, kexecLoad, kexecUnload } from '../machine/kexec.ts';
import { probeSyscalls } from '../machine/kexec-gates.ts';
import { lockFile } from '../machine/lock.ts';
import { takeInterfacesDown } from '../machine/network-interfaces.ts';
import { readPciByte } from '../machine/pci-configuration.ts';
import { makeReadOnly, shutDown } from '../machine/quiesce.ts';
import { readMachine } from '../machine/read-machine.ts';
import type { Reading } from '../machine/reading.ts';
import { rebootKexec, syncDisks } from '../machine/reboot.ts';
import { startKexecTarget } from '../machine/service-manager.ts';
import { thisMachine } from '../machine/shutdown-calls.ts';
import { mapReading } from '../machine/source.ts';
import { parseConfiguration } from '../switch/configuration.ts';
import type { ShutdownCalls, SwitchWorld } from '../switch/world.ts';
import type { CliContext } from './context.ts';

const CONFIGURATION = '/etc/khop/khop.conf';

/** @param root the system whose kernels are listed; state and system calls are always this machine's */
export function openWorld(context: CliContext, root = '/'): SwitchWorld {
  return {
    folders: { root, state: '/var/lib/khop', run: '/run/khop', cache: '/var/cache/khop' },
    configuration: parseConfiguration(readIfPresent(CONFIGURATION) ?? '', CONFIGURATION),
    signal: context.signal,
    nowMs: () => Date.now(),
    remark: context.remark,
    readMachine: () =>
      root === '/'
        ? readMachine('/', { probe: probeSyscalls(), kernelLog: kernelLogLines() })
        : readMachine(root),
    readInitramfsNeeds: () => readInitramfsNeeds('/'),
    readPciByte: (address, offset) => readPciByte('/', address, offset),
    entropy: (length) => new Uint8Array(randomBytes(length)),
    kexec: { fileLoad: kexecFileLoad, segmentsLoad: kexecLoad, unload: kexecUnload },
    shutdown: shutdownCalls(context),
    files: {
      read: readIfPresent,
      write: writeDurably,
      append: appendDurably,
      rename: renameDurably,
      remove: removeDurably,
    },
    exclusively: async (work) => {
      using _lock = lockFile('/run/khop/lock');
      return await work();
    },
  };
}

function kernelLogLines(): Reading<readonly string[]> {
  return mapReading(readKernelLog(), (records) => records.map((record) => record.text));
}

function shutdownCalls(context: CliContext): ShutdownCalls {
  return {
    syncAhead: async () => {
      const problem = await thisMachine().sync();
      if (problem !== undefined) context.remark(`sync: ${problem}; the way down will try again.`);
    },
    sayLeaving: () => {
      try {
        sayLeaving('/');
      } catch (error) {
        context.remark((error as Error).message);
      }
    },
    throughServiceManager: (options) =>
      startKexecTarget({
        signal: context.signal,
        remark: context.remark,
        isForced: options?.isForced,
        onLeaving: endAtOnce,
      }),
    byOurselves: async ({ stopTimeoutMs }) => {
      using _held = holdSignals();
      await shutDown({ stopTimeoutMs, remark: context.remark });
      rebootKexec();
    },
    now: async () => {
      using _held = holdSignals();
      await makeReadOnly({ remark: context.remark });
      rebootKexec();
    },
    immediately: ({ sync, ifdown }) => {
      if (sync) syncDisks();
      if (ifdown) for (const problem of takeInterfacesDown()) context.remark(problem);
      rebootKexec();
    },
  };
}

/**
 * The panic kernel: what a switch does to it, and whether one fits.
 * @module
 */
import { valueOf } from '../../machine/reading.ts';
import { commandLineValue } from '../command-line.ts';
import type { PreflightCheck, PreflightTarget } from './preflight-check.ts';
import { evidenceOf, mebibytes, resultsOf } from './result.ts';

export const crashkernelLost: PreflightCheck = {
  id: 'crashkernel-lost',
  subject: 'memory for a panic kernel under the new kernel',
  run({ machine, target, slot }) {
    if (target === undefined || slot === 'crash') return [];
    const results = resultsOf('crashkernel-lost');
    const running = valueOf(machine.commandLine);
    const before = running === undefined ? undefined : commandLineValue(running, 'crashkernel');
    const after = commandLineValue(target.commandLine, 'crashkernel');
    const evidence = [
      evidenceOf(machine.commandLine, () =>
        before === undefined ? 'no crashkernel=' : `crashkernel=${before}`,
      ),
      evidenceOf(machine.kexec.crashSize, mebibytes),
      `new command line: ${after === undefined ? 'no crashkernel=' : `crashkernel=${after}`}`,
    ];
    if (after !== undefined)
      return results.pass('The new kernel reserves memory for a panic kernel.', evidence);
    const isReserved = (valueOf(machine.kexec.crashSize) ?? 0n) > 0n;
    if (before !== undefined || isReserved)
      return results.warning({
        title: 'The new kernel reserves no memory for a panic kernel, and the running one does.',
        evidence,
        remedy:
          before === undefined
            ? 'Add crashkernel= to the new command line.'
            : `Add --append crashkernel=${before}.`,
      });
    if (machine.commandLine.state !== 'read')
      return results.warning({
        title: 'Whether the running kernel reserves memory for a panic kernel could not be read.',
        evidence,
        remedy: 'Mount /proc.',
      });
    return results.pass('No memory is reserved for a panic kernel now either.', evidence);
  },
};

export const crashImage: PreflightCheck = {
  id: 'crash-image',
  subject: 'the panic kernel that is loaded now',
  run({ machine, slot }) {
    if (slot === 'crash') return [];
    const results = resultsOf('crash-image');
    const reading = machine.kexec.crashLoaded;
    const evidence = [evidenceOf(reading, (isLoaded) => (isLoaded ? '1' : '0'))];
    if (reading.state === 'unreadable')
      return results.warning({
        title: 'Whether a panic kernel is loaded could not be read.',
        evidence,
        remedy: 'Mount /sys.',
      });
    if (reading.state === 'absent' || !reading.value)
      return results.pass('No panic kernel is loaded.', evidence);
    return results.note({
      title: 'A panic kernel is loaded, and does not live through the switch.',
      evidence,
      remedy: 'See that the new system loads its own: systemctl status kdump (kdump-tools on Debian).',
    });
  },
};

export const panicKernelMemory: PreflightCheck = {
  id: 'panic-kernel-memory',
  subject: 'whether the running kernel is a panic kernel itself',
  run({ machine, slot }) {
    if (slot === 'crash') return [];
    const results = resultsOf('panic-kernel-memory');
    const running = valueOf(machine.commandLine);
    const header = running === undefined ? undefined : commandLineValue(running, 'elfcorehdr');
    const evidence = [
      evidenceOf(machine.commandLine, () =>
        header === undefined ? 'no elfcorehdr=' : `elfcorehdr=${header}`,
      ),
      evidenceOf(machine.memoryTotalBytes, mebibytes),
    ];
    if (header === undefined) return results.pass('The running kernel was not started by a panic.', evidence);
    return results.refusal({
      title:
        'The running kernel lives in the memory of a panic kernel, and the next one would be told of no other.',
      evidence,
      remedy:
        'Take the machine back to all its memory first: khop guard leave, or a reboot through the firmware.',
      isOverridable: true,
    });
  },
};

/** What user space of a capture initrd needs besides, by distributions' own estimates. */
const USER_SPACE_BYTES = 64 * 1024 * 1024;

/** Bytes when loaded, and when its initrd is unpacked too; what could not be read counts as nothing. */
function panicKernelBytes(target: PreflightTarget | undefined): { loaded: number; running: number } {
  const image = target === undefined ? undefined : valueOf(target.image);
  const initrd = target === undefined ? undefined : valueOf(target.initrd);
  const loaded = (image?.memoryBytes ?? 0) + (initrd?.packedBytes ?? 0);
  return { loaded, running: loaded + (initrd?.unpackedBytes ?? 0) };
}

/** A panic kernel lives in its reservation: itself, its initrd, and that unpacked. */
export const crashReservation: PreflightCheck = {
  id: 'crash-reservation',
  subject: 'the memory reserved for a panic kernel',
  run({ machine, target, slot }) {
    if (slot !== 'crash') return [];
    const results = resultsOf('crash-reservation');
    const reading = machine.kexec.crashSize;
    const { loaded, running } = panicKernelBytes(target);
    const evidence = [
      evidenceOf(reading, mebibytes),
      evidenceOf(
        machine.commandLine,
        (line) => `crashkernel=${commandLineValue(line, 'crashkernel') ?? ' is not given'}`,
      ),
      `panic kernel: ${mebibytes(loaded)} loaded, ${mebibytes(running)} with the initrd unpacked`,
    ];
    if (reading.state === 'unreadable')
      return results.warning({
        title: 'How much memory is reserved for a panic kernel could not be read.',
        evidence,
        remedy: 'Mount /sys.',
      });
    const reserved = Number(valueOf(reading) ?? 0n);
    if (reserved === 0 || loaded > reserved)
      return results.refusal({
        title:
          reserved === 0
            ? 'No memory is reserved for a panic kernel: loading ends with EADDRNOTAVAIL.'
            : `The panic kernel takes ${mebibytes(loaded)}, and ${mebibytes(reserved)} are reserved.`,
        evidence,
        remedy: 'Start the running system with crashkernel=256M or more on its command line.',
        isOverridable: false,
      });
    const needed = running + USER_SPACE_BYTES;
    if (needed > reserved)
      return results.warning({
        title: `The panic kernel may run out of memory: it needs about ${mebibytes(needed)} of ${mebibytes(reserved)}.`,
        evidence,
        remedy: 'Make its initrd smaller, or reserve more with crashkernel=.',
      });
    return results.pass('The panic kernel fits into the memory reserved for it.', evidence);
  },
};

/**
 * Is there room: for the load, and for the new kernel to unpack its initrd.
 * kernel/kexec_core.c sanity_check_segment_list(): all segments together take at most half of RAM.
 * @module
 */
import { valueOf } from '../../machine/reading.ts';
import { fileLoadMemory, type LoadMemory, roomFor, unpackingRoom } from '../load-memory.ts';
import { likelyMethod } from './conditions.ts';
import type { PreflightCheck, PreflightInput } from './preflight-check.ts';
import { evidenceOf, mebibytes, resultsOf } from './result.ts';

interface LoadSizes extends LoadMemory {
  readonly evidence: readonly string[];
}

/**
 * Of the plan. Where there is none: as kexec_file_load would take it.
 * @returns undefined when what counts could not be read: other checks say so
 */
function sizesOf({ target, load, slot }: PreflightInput): LoadSizes | undefined {
  if (target?.image.state !== 'read') return undefined;
  if (target.initrd.state === 'unreadable' && load === undefined) return undefined;
  const { fileBytes, memoryBytes, path } = target.image.value;
  const initrdBytes = valueOf(target.initrd)?.packedBytes ?? 0;
  const evidence = [
    `${path}: ${mebibytes(fileBytes)} on disk, ${mebibytes(memoryBytes)} where it runs`,
    evidenceOf(target.initrd, (initrd) => mebibytes(initrd.packedBytes)),
  ];
  const expected = () => fileLoadMemory({ imageBytes: fileBytes, memoryBytes, initrdBytes }, slot);
  return { ...(load ?? expected()), evidence };
}

export const halfOfRam: PreflightCheck = {
  id: 'half-of-ram',
  subject: 'the kernel’s rule that a load takes at most half of RAM',
  run(input) {
    const { machine, slot } = input;
    const sizes = sizesOf(input);
    if (sizes === undefined || slot === 'crash') return [];
    const results = resultsOf('half-of-ram');
    const evidence = [...sizes.evidence, evidenceOf(machine.memoryTotalBytes, mebibytes)];
    if (machine.memoryTotalBytes.state !== 'read')
      return results.warning({
        title: 'How much RAM there is could not be read.',
        evidence,
        remedy: 'Mount /proc.',
      });
    const needed = sizes.segmentBytes;
    const limit = Number(machine.memoryTotalBytes.value / 2n);
    if (needed <= limit)
      return results.pass(`The load takes ${mebibytes(needed)} of at most ${mebibytes(limit)}.`, evidence);
    return results.refusal({
      title: `The load takes ${mebibytes(needed)}, more than half of RAM (${mebibytes(limit)}); the kernel answers EINVAL.`,
      evidence,
      remedy:
        'Make the initrd smaller (MODULES=dep, a stronger compression), or give the machine more memory.',
      isOverridable: false,
    });
  },
};

export const availableMemory: PreflightCheck = {
  id: 'available-memory',
  subject: 'free memory for the load',
  run(input) {
    const { machine } = input;
    const sizes = sizesOf(input);
    if (sizes === undefined) return [];
    const results = resultsOf('available-memory');
    const evidence = [...sizes.evidence, evidenceOf(machine.memoryAvailableBytes, mebibytes)];
    if (machine.memoryAvailableBytes.state !== 'read')
      return results.warning({
        title: 'How much memory is free could not be read.',
        evidence,
        remedy: 'Mount /proc.',
      });
    const needed = sizes.neededBytes;
    const available = Number(machine.memoryAvailableBytes.value);
    const trouble = {
      evidence,
      remedy: 'Stop what uses memory, or make the initrd smaller. Swap does not help the pages of the load.',
    };
    const room = roomFor(needed, available);
    if (room === 'none')
      return results.refusal({
        title: `Loading needs ${mebibytes(needed)}, and ${mebibytes(available)} are available: the OOM killer would choose.`,
        ...trouble,
        isOverridable: true,
      });
    if (room === 'scarce')
      return results.warning({
        title: `Loading needs ${mebibytes(needed)} of ${mebibytes(available)} available: little is left for the rest.`,
        ...trouble,
      });
    return results.pass(`Loading needs ${mebibytes(needed)} of ${mebibytes(available)} available.`, evidence);
  },
};

export const initramfsSpace: PreflightCheck = {
  id: 'initramfs-space',
  subject: 'memory for the unpacked initrd',
  run({ machine, target, slot }) {
    if (target?.initrd.state !== 'read' || slot === 'crash') return [];
    const results = resultsOf('initramfs-space');
    const { packedBytes, unpackedBytes } = target.initrd.value;
    const evidence = [
      evidenceOf(
        target.initrd,
        () => `${mebibytes(packedBytes)} packed, ${mebibytes(unpackedBytes)} unpacked`,
      ),
      evidenceOf(machine.memoryTotalBytes, mebibytes),
    ];
    if (machine.memoryTotalBytes.state !== 'read')
      return results.warning({
        title: 'How much RAM there is could not be read.',
        evidence,
        remedy: 'Mount /proc.',
      });
    const total = Number(machine.memoryTotalBytes.value);
    const { neededBytes, limitBytes, room } = unpackingRoom(target.initrd.value, total, target.commandLine);
    const trouble = { evidence, remedy: 'Make the initrd smaller, or give the machine more memory.' };
    if (room === 'none')
      return results.refusal({
        title: `Unpacked, the initrd takes ${mebibytes(neededBytes)}, and the new kernel has ${mebibytes(limitBytes)} for it.`,
        ...trouble,
        isOverridable: false,
      });
    if (room === 'scarce')
      return results.warning({
        title: 'The initrd, packed and unpacked, takes most of RAM while the new kernel starts.',
        ...trouble,
      });
    return results.pass(`The unpacked initrd fits (${mebibytes(unpackedBytes)}).`, evidence);
  },
};

/** Alone kexec_load needs the map: khop then decides where everything goes. */
export const memoryMap: PreflightCheck = {
  id: 'memory-map',
  subject: 'physical addresses for the parts of the kernel',
  run(input) {
    if (likelyMethod(input) === 'file') return [];
    const { machine, target } = input;
    const results = resultsOf('memory-map');
    const evidence = [evidenceOf(machine.iomem, (entries) => `${entries.length} top-level ranges`)];
    if (machine.iomem.state !== 'read')
      return results.refusal({
        title: 'The memory map cannot be read, so khop cannot place the kernel.',
        evidence,
        remedy: 'Run khop as root: addresses are hidden from others.',
        isOverridable: false,
      });
    const ram = machine.iomem.value.filter((entry) => entry.name === 'System RAM');
    const largest = Math.max(0, ...ram.map((entry) => Number(entry.end - entry.start)));
    const needed = target?.image.state === 'read' ? target.image.value.memoryBytes : 0;
    if (largest < needed || largest === 0)
      return results.refusal({
        title: `No stretch of System RAM holds the kernel’s ${mebibytes(needed)}; the largest has ${mebibytes(largest)}.`,
        evidence,
        remedy: 'Use --method file where the kernel offers it, or a smaller kernel.',
        isOverridable: false,
      });
    return results.pass('The memory map is readable and has room for the kernel.', evidence);
  },
};

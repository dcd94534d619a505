/**
 * What goes wrong on arm64 only.
 * @module
 */
import type { MachineFacts } from '../../machine/facts.ts';
import { valueOf } from '../../machine/reading.ts';
import { hasArgument } from '../command-line.ts';
import { configEvidence, containsText, likelyMethod, logLines, versionOf } from './conditions.ts';
import type { PreflightCheck } from './preflight-check.ts';
import { evidenceOf, listed, resultsOf } from './result.ts';

/** arch/arm64/kernel/machine_kexec.c: with more than one possible CPU, each must be able to die. */
export const spinTableCpus: PreflightCheck = {
  id: 'spin-table-cpus',
  subject: 'whether the other CPUs can be given back',
  run({ machine }) {
    if (machine.architecture !== 'arm64') return [];
    const results = resultsOf('spin-table-cpus');
    const { enableMethods, possible } = machine.cpu;
    const evidence = [evidenceOf(enableMethods, (methods) => listed(methods)), evidenceOf(possible)];
    if (enableMethods.state === 'unreadable' || possible.state === 'unreadable')
      return results.warning({
        title: 'How the other CPUs are started and stopped could not be read.',
        evidence,
        remedy: 'Mount /proc and /sys.',
      });
    const isSpinTable = valueOf(enableMethods)?.includes('spin-table') === true;
    const stuck = logLines(machine, /CPUs are stuck in the kernel/);
    if (!isSpinTable && stuck.length === 0)
      return results.pass('The other CPUs can be given back.', evidence);
    if (valueOf(possible) === 1) return results.pass('There is one CPU only.', evidence);
    return results.refusal({
      title: 'The other CPUs wait in a spin table and cannot be given back: loading ends with EBUSY.',
      evidence: [...evidence, ...stuck.map((line) => `kernel log: ${line}`)],
      remedy: 'Start the running system with nr_cpus=1 (maxcpus=1 does not help), or use firmware with PSCI.',
      isOverridable: false,
    });
  },
};

export const arm64PageSize: PreflightCheck = {
  id: 'arm64-page-size',
  subject: 'the page size of the new kernel',
  run(input) {
    const { machine, target } = input;
    if (machine.architecture !== 'arm64' || target?.image.state !== 'read') return [];
    const results = resultsOf('arm64-page-size');
    const { arm64Header, path } = target.image.value;
    const wanted = arm64Header?.pageSize;
    const evidence = [`${path}: pages of ${wanted ?? 'unknown size'}`, evidenceOf(machine.pageSize)];
    if (wanted !== undefined && machine.pageSize.state === 'read' && machine.pageSize.value === wanted)
      return results.pass('The new kernel has pages of the size that runs now.', evidence);
    const remedy = 'Take a kernel with pages of 4 KiB, which nearly every CPU has.';
    if (wanted === 4096) return results.pass('The new kernel has pages of 4 KiB.', evidence);
    if (wanted === undefined || likelyMethod(input) === 'file')
      return results.warning({
        title:
          wanted === undefined
            ? 'The image does not say the size of its pages.'
            : `The new kernel has pages of ${wanted / 1024} KiB, which not every CPU has; kexec_file_load checks it when loading.`,
        evidence,
        remedy,
      });
    return results.refusal({
      title: `The new kernel has pages of ${wanted / 1024} KiB, and whether this CPU has them cannot be seen; kexec_load does not check.`,
      evidence,
      remedy,
      isOverridable: true,
    });
  },
};

/** Whether the machine's interrupt controller writes its tables to memory that the new kernel believes free. */
function usesLpis(machine: MachineFacts): boolean {
  return logLines(machine, /GICv3: .*LPI (?:pending|property) table|ITS \[mem/i, 1).length > 0;
}

/** arm64 GICv3 with ITS: the redistributors' LPI tables stay live; only UEFI's MEMRESERVE table protects them. */
export const gicLpiTables: PreflightCheck = {
  id: 'gic-lpi-tables',
  subject: 'the interrupt controller’s tables in memory',
  run({ machine }) {
    if (machine.architecture !== 'arm64') return [];
    const results = resultsOf('gic-lpi-tables');
    const isV3 =
      machine.deviceTree.state === 'read' && containsText(machine.deviceTree.value, 'arm,gic-v3-its');
    const isOff =
      machine.commandLine.state === 'read' && hasArgument(machine.commandLine.value, 'irqchip.gicv3_nolpi');
    const lines = logLines(machine, /GICv3|ITS \[mem|LPI/);
    const evidence = [
      evidenceOf(machine.deviceTree, () => (isV3 ? 'has arm,gic-v3-its' : 'has no arm,gic-v3-its')),
      evidenceOf(machine.efi, () => 'present'),
      evidenceOf(machine.kernelLog, () => (lines.length === 0 ? 'nothing about LPI' : lines.join('; '))),
    ];
    if (machine.efi.state === 'read')
      return results.pass('UEFI reserves the interrupt controller’s tables.', evidence);
    if (isOff)
      return results.pass('The interrupt controller’s tables are off (irqchip.gicv3_nolpi).', evidence);
    const remedy = 'Start the running system with irqchip.gicv3_nolpi=1, or through UEFI.';
    if (isV3 || usesLpis(machine))
      return results.refusal({
        title:
          'A GICv3 with ITS writes to tables that the new kernel does not know of: it would be corrupted.',
        evidence,
        remedy,
        isOverridable: true,
      });
    if (machine.deviceTree.state === 'unreadable' || machine.kernelLog.state !== 'read')
      return results.warning({
        title: 'Whether the interrupt controller keeps tables in memory could not be read.',
        evidence,
        remedy: `Run khop as root. ${remedy}`,
      });
    return results.pass('The interrupt controller keeps no tables in memory.', evidence);
  },
};

/** trans_pgd_create_copy() of 6.12 oopses on 52-bit virtual addresses; 7.2 does not. */
export const arm64Lpa2: PreflightCheck = {
  id: 'arm64-lpa2',
  subject: '52-bit virtual addresses in the running kernel',
  run({ machine }) {
    if (machine.architecture !== 'arm64') return [];
    const results = resultsOf('arm64-lpa2');
    const lines = logLines(machine, /52-bit Virtual Addressing/i);
    const evidence = [
      evidenceOf(machine.release),
      evidenceOf(machine.kernelLog, () =>
        lines.length === 0 ? 'nothing about 52-bit addressing' : lines.join('; '),
      ),
      configEvidence(machine.kernelConfig, ['ARM64_VA_BITS_52']),
    ];
    const isOff =
      machine.commandLine.state === 'read' && hasArgument(machine.commandLine.value, 'arm64.nolva');
    const version = machine.release.state === 'read' ? versionOf(machine.release.value) : undefined;
    const isTroubled = version === undefined || (version[0] === 6 && version[1] >= 9);
    const isBuilt = valueOf(machine.kernelConfig)?.get('CONFIG_ARM64_VA_BITS_52') !== undefined;
    if (isOff || !isTroubled) return results.pass('52-bit virtual addresses do no harm here.', evidence);
    const remedy =
      'Start the running system with arm64.nolva on its command line, or go through a kernel of 7.2 or newer.';
    if (lines.length > 0 && version?.[1] === 12)
      return results.refusal({
        title: 'The running 6.12 kernel uses 52-bit virtual addresses and oopses while loading.',
        evidence,
        remedy,
        isOverridable: true,
      });
    if (
      lines.length > 0 ||
      (machine.kernelLog.state !== 'read' && (isBuilt || machine.kernelConfig.state !== 'read'))
    )
      return results.warning({
        title: 'The running kernel may use 52-bit virtual addresses, with which 6.12 oopses while loading.',
        evidence,
        remedy,
      });
    return results.pass('The running kernel does not use 52-bit virtual addresses.', evidence);
  },
};

export const raspberryPi: PreflightCheck = {
  id: 'raspberry-pi',
  subject: 'whether this is a Raspberry Pi',
  run({ machine }) {
    if (machine.architecture !== 'arm64') return [];
    const results = resultsOf('raspberry-pi');
    const tree = machine.deviceTree;
    const model = ['Raspberry Pi 5', 'Raspberry Pi 4', 'Raspberry Pi 3', 'Raspberry Pi'].find(
      (name) => tree.state === 'read' && containsText(tree.value, name),
    );
    const evidence = [evidenceOf(tree, () => model ?? 'another machine')];
    if (tree.state === 'unreadable')
      return results.warning({
        title: 'Which board this is could not be read.',
        evidence,
        remedy: 'Run khop as root.',
      });
    if (model === undefined) return results.pass('This is no Raspberry Pi.', evidence);
    if (model === 'Raspberry Pi 5')
      return results.refusal({
        title: 'A Raspberry Pi 5 falls silent after the jump (raspberrypi/linux#6465).',
        evidence,
        remedy: 'Reboot through the firmware; accept this check to try a newer one.',
        isOverridable: true,
      });
    return results.note({
      title: `On a ${model} the firmware decides whether the CPUs can be given back; see spin-table-cpus.`,
      evidence,
      remedy: 'Have the serial console at hand for the first switch.',
    });
  },
};

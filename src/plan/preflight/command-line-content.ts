/**
 * The command line: does it fit, what does it lose against the running one, what should not be on it?
 * @module
 */
import { valueOf } from '../../machine/reading.ts';
import { commandLineBytes, commandLineValue, hasArgument, kernelArguments } from '../command-line.ts';
import { likelyMethod } from './conditions.ts';
import type { PreflightCheck, PreflightInput } from './preflight-check.ts';
import { evidenceOf, listed, resultsOf } from './result.ts';

/** COMMAND_LINE_SIZE of arm64, with the NUL. */
const ARM64_LIMIT = 2048;
/** kexec-bzimage64.c always keeps room for ` elfcorehdr=0x...` (MAX_ELFCOREHDR_STR_LEN). */
const ELFCOREHDR_ROOM = 30;

/** Bytes with the NUL, and who says so. */
function limitOf(input: PreflightInput): { readonly limit: number; readonly source: string } | undefined {
  const image = input.target === undefined ? undefined : valueOf(input.target.image);
  if (image === undefined) return undefined;
  if (image.architecture === 'arm64') return { limit: ARM64_LIMIT, source: 'arm64 COMMAND_LINE_SIZE' };
  const cmdlineSize = image.setupHeader?.cmdlineSize ?? ARM64_LIMIT - 1;
  const isFile = likelyMethod(input) === 'file';
  return {
    limit: isFile ? cmdlineSize - ELFCOREHDR_ROOM : cmdlineSize + 1,
    source: `${image.path}: cmdline_size ${cmdlineSize}${isFile ? `, of which kexec_file_load keeps ${ELFCOREHDR_ROOM}` : ''}`,
  };
}

export const commandLineLength: PreflightCheck = {
  id: 'command-line-length',
  subject: 'the length of the command line, and characters that would cut it',
  run(input) {
    const bound = limitOf(input);
    if (bound === undefined || input.target === undefined) return [];
    const results = resultsOf('command-line-length');
    const { commandLine } = input.target;
    const size = commandLineBytes(commandLine).length;
    const evidence = [
      `new command line: ${size} bytes with its NUL`,
      `limit: ${bound.limit} (${bound.source})`,
    ];
    if (/[\0\n\r]/.test(commandLine))
      return results.refusal({
        title: 'The command line holds a NUL or a line break, which ends it early.',
        evidence,
        remedy: 'Give all arguments on one line.',
        isOverridable: false,
      });
    if (size <= bound.limit) return results.pass('The command line fits.', evidence);
    return results.refusal({
      title: `The command line is ${size - bound.limit} bytes too long.`,
      evidence,
      remedy:
        likelyMethod(input) === 'file'
          ? 'Shorten it; --method segments takes 30 bytes more where it is allowed.'
          : 'Shorten it.',
      isOverridable: false,
    });
  },
};

/** Losing one of these changes whether the machine comes up, is reached, or is as safe as before. */
const CONSEQUENTIAL: readonly (readonly [string, RegExp])[] = [
  [
    'storage',
    /^(?:cryptdevice|cryptkey|cryptopts|rd\.(?:luks|lvm|md|dm|zfs|auto)\b.*|luks\..*|rootflags|rootfstype|zfs|dm-mod\.create)$/,
  ],
  [
    'network',
    /^(?:ip|ifname|vlan|bond|bridge|team|nameserver|netroot|nfsroot|BOOTIF|rd\.neednet|rd\.(?:iscsi|znet|nvmf).*|iscsi_.*|net\.ifnames|biosdevname)$/,
  ],
  [
    'hardware',
    /^(?:mem|memmap|acpi|acpi_osi|noapic|nolapic|pci|pcie_aspm|iommu.*|intel_iommu|amd_iommu|nomodeset|idle|.*max_cstate|irqchip\..*|earlycon|(?:modprobe\.|module_)blacklist|no5lvl)$/,
  ],
  [
    'security',
    /^(?:selinux|enforcing|security|lsm|apparmor|lockdown|module\.sig_enforce|ima_.*|evm|mitigations|fips|audit|init_on_(?:alloc|free))$/,
  ],
  ['start', /^(?:init|systemd\.unit|systemd\.unified_cgroup_hierarchy|rdinit)$/],
];
/** Other checks look at these, or boot loaders add them for one boot. */
const ELSEWHERE =
  /^(?:BOOT_IMAGE|initrd|root|console|crashkernel|elfcorehdr|kexec_jump_back_entry|khop\..*)$/;

export const commandLineLost: PreflightCheck = {
  id: 'command-line-lost',
  subject: 'what the running command line has and the new one lacks',
  run({ machine, target, slot }) {
    if (target === undefined || slot === 'crash') return [];
    const results = resultsOf('command-line-lost');
    const evidence = [evidenceOf(machine.commandLine), `new command line: ${target.commandLine}`];
    if (machine.commandLine.state !== 'read')
      return results.warning({
        title: 'The running command line could not be read, so nothing can be compared.',
        evidence,
        remedy: 'Mount /proc.',
      });
    const kept = new Set(kernelArguments(target.commandLine).map((argument) => argument.name));
    const lost = kernelArguments(machine.commandLine.value).filter(
      (argument) => !kept.has(argument.name) && !ELSEWHERE.test(argument.name),
    );
    const grave = CONSEQUENTIAL.flatMap(([area, pattern]) => {
      const texts = lost.filter((argument) => pattern.test(argument.name)).map((argument) => argument.text);
      return texts.length === 0 ? [] : [`${area}: ${texts.join(' ')}`];
    });
    const remedy = 'Add what is needed with --append, or take the whole running line with --reuse-cmdline.';
    if (grave.length > 0)
      return results.warning({
        title: 'The new command line loses arguments on which start or safety may hang.',
        evidence: [...evidence, ...grave.map((line) => `lost, ${line}`)],
        remedy,
      });
    if (lost.length > 0)
      return results.note({
        title: `The new command line lacks ${listed(
          lost.map((argument) => argument.text),
          6,
        )}.`,
        evidence,
        remedy,
      });
    return results.pass('The new command line loses nothing.', evidence);
  },
};

const FOR_PANIC_ONLY = ['elfcorehdr'];
const SUSPICIOUS: readonly (readonly [string, (value: string | undefined) => boolean])[] = [
  ['memmap', (value) => value === 'exactmap'],
  ['reset_devices', () => true],
  ['nr_cpus', (value) => value === '1'],
  ['maxcpus', (value) => value === '1' || value === '0'],
];

export const commandLineStale: PreflightCheck = {
  id: 'command-line-stale',
  subject: 'leftovers of a panic kernel or another boot on the new command line',
  run({ target, slot }) {
    if (target === undefined || slot === 'crash') return [];
    const results = resultsOf('command-line-stale');
    const { commandLine, kernel } = target;
    const evidence = [`new command line: ${commandLine}`];
    const fatal = FOR_PANIC_ONLY.filter((name) => hasArgument(commandLine, name));
    if (fatal.length > 0)
      return results.refusal({
        title:
          'The new command line says that a kernel has panicked (elfcorehdr=): the new one would start as its dump collector.',
        evidence,
        remedy: 'Remove elfcorehdr= from the command line.',
        isOverridable: true,
      });
    const odd = kernelArguments(commandLine).filter((argument) =>
      SUSPICIOUS.some(([name, isOdd]) => argument.name === name && isOdd(argument.value)),
    );
    if (odd.length > 0)
      return results.warning({
        title: `The new command line limits the machine as a panic kernel’s does: ${listed(odd.map((argument) => argument.text))}.`,
        evidence,
        remedy: 'Remove them, unless they are meant.',
      });
    const bootImage = commandLineValue(commandLine, 'BOOT_IMAGE');
    const base = (path: string) => path.slice(path.lastIndexOf('/') + 1);
    if (bootImage !== undefined && base(bootImage) !== base(kernel.image))
      return results.note({
        title: `BOOT_IMAGE= names ${base(bootImage)}, and the image is ${base(kernel.image)}: programs that read it are misled.`,
        evidence: [...evidence, `${kernel.id}: ${kernel.image}`],
        remedy: 'Remove BOOT_IMAGE= from the command line.',
      });
    return results.pass('The new command line has no leftovers.', evidence);
  },
};

/**
 * What the new kernel cannot find out without firmware: paging depth, ACPI tables, UEFI runtime services,
 * the device tree.
 * @module
 */
import type { EfiFacts, MachineFacts } from '../../machine/facts.ts';
import { valueOf } from '../../machine/reading.ts';
import { commandLineValue, hasArgument } from '../command-line.ts';
import type { Finding } from '../finding.ts';
import { configAnswer, configEvidence, likelyMethod } from './conditions.ts';
import type { SetupHeaderView } from './kernel-view.ts';
import type { PreflightCheck } from './preflight-check.ts';
import { evidenceOf, listed, resultsOf } from './result.ts';

/** xloadflags, Documentation/arch/x86/boot.rst. */
const XLF_EFI_KEXEC = 1 << 4;
const XLF_5LEVEL = 1 << 5;

function hexadecimal(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}

function describeHeader(header: SetupHeaderView): string {
  return `xloadflags ${hexadecimal(header.xloadFlags)}`;
}

/** The jump leaves CR4.LA57 as it is; the kernel checks the flag, but only in kexec_file_load. */
export const fiveLevelPaging: PreflightCheck = {
  id: 'five-level-paging',
  subject: 'whether the new kernel can start while five-level paging is on',
  run({ machine, target }) {
    if (machine.architecture !== 'x86-64' || target?.image.state !== 'read') return [];
    const results = resultsOf('five-level-paging');
    const image = target.image.value;
    const { fiveLevelPaging: isOn } = machine.cpu;
    const header = image.setupHeader;
    const evidence = [
      evidenceOf(isOn, (value) => (value ? 'on' : 'off')),
      header === undefined
        ? configEvidence(image.config, ['X86_5LEVEL'])
        : `${image.path}: ${describeHeader(header)}`,
    ];
    const config = configAnswer(image.config, 'X86_5LEVEL');
    const isAble = header === undefined ? config === 'built-in' : (header.xloadFlags & XLF_5LEVEL) !== 0;
    if (isAble) return results.pass('The new kernel can start with five-level paging.', evidence);
    if (isOn.state === 'read' && !isOn.value) return results.pass('Five-level paging is off.', evidence);
    const remedy =
      'Start the running system with no5lvl on its command line, or take a kernel with CONFIG_X86_5LEVEL.';
    if (isOn.state !== 'read' || (header === undefined && config === 'unknown'))
      return results.warning({
        title: 'Whether the new kernel meets paging that it can start with is not known.',
        evidence,
        remedy,
      });
    return results.refusal({
      title: 'Five-level paging is on, and the new kernel cannot start with it.',
      evidence,
      remedy,
      isOverridable: false,
    });
  },
};

/** boot_params.acpi_rsdp_addr, Documentation/arch/x86/zero-page.rst. */
const ACPI_RSDP_ADDR = 0x70;

function bootParamsRsdp(machine: MachineFacts): bigint {
  const bytes = valueOf(machine.bootParams);
  if (bytes === undefined || bytes.length < ACPI_RSDP_ADDR + 8) return 0n;
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(ACPI_RSDP_ADDR, true);
}

/** Under UEFI nothing in low memory points at the ACPI tables: without their address there is one CPU. */
export const rsdpHandover: PreflightCheck = {
  id: 'rsdp-handover',
  subject: 'the address of the ACPI tables',
  run(input) {
    const { machine, target } = input;
    if (machine.architecture !== 'x86-64') return [];
    const results = resultsOf('rsdp-handover');
    const { efi } = machine;
    if (likelyMethod(input) === 'file')
      return results.pass('kexec_file_load hands over the address of the ACPI tables itself.', [
        evidenceOf(machine.kexec.kexecFileLoad, (call) => call.state),
      ]);
    if (efi.state === 'absent')
      return results.pass('Started by BIOS: the new kernel finds the ACPI tables in low memory.', [
        evidenceOf(efi, () => 'present'),
      ]);
    const table = valueOf(efi)?.systemTable;
    const evidence = [
      table === undefined
        ? evidenceOf(efi, () => 'present')
        : evidenceOf(table, (entries) =>
            listed([...entries].map(([name, at]) => `${name}=${hexadecimal(at)}`)),
          ),
      evidenceOf(machine.bootParams, () => `acpi_rsdp_addr ${hexadecimal(bootParamsRsdp(machine))}`),
    ];
    const entries = table === undefined ? undefined : valueOf(table);
    const given = target === undefined ? undefined : commandLineValue(target.commandLine, 'acpi_rsdp');
    const isKnown =
      entries?.has('ACPI20') || entries?.has('ACPI') || bootParamsRsdp(machine) !== 0n || given !== undefined;
    if (isKnown) return results.pass('The address of the ACPI tables is known.', evidence);
    return results.refusal({
      title:
        'The address of the ACPI tables is not known: the new kernel would run one CPU and could not power off.',
      evidence,
      remedy: 'Use --method file, or give acpi_rsdp=ADDRESS from the kernel log on the new command line.',
      isOverridable: true,
    });
  },
};

/** Names of what user space needs to pass UEFI on and cannot read. */
function missingEfiParts(efi: EfiFacts): string[] {
  const parts = [efi.runtimeMap, efi.firmwareVendor, efi.configTable, efi.systemTable];
  const isEmptyMap = efi.runtimeMap.state === 'read' && efi.runtimeMap.value.length === 0;
  return [
    ...parts.filter((part) => part.state !== 'read').map((part) => part.source),
    ...(isEmptyMap ? [efi.runtimeMap.source] : []),
  ];
}

function judgeEfi(efi: EfiFacts, missing: readonly string[], target: readonly string[], isLost: boolean) {
  const results = resultsOf('efi-handover');
  const evidence = [
    evidenceOf(efi.runtimeMap, (entries) => `${entries.length} entries`),
    evidenceOf(efi.platformSize),
    ...missing.map((source) => `${source}: not usable`),
    ...target,
  ];
  const lost = 'efivars, the keys of MOK, reboot through UEFI';
  if (isLost)
    return results.warning({
      title: `UEFI is not handed over: ${lost} are gone until the next boot through firmware.`,
      evidence,
      remedy:
        'Use a kernel built with CONFIG_EFI and CONFIG_KEXEC, and a running one with CONFIG_EFI_RUNTIME_MAP.',
    });
  if (valueOf(efi.platformSize) === 32)
    return results.warning({
      title: `The firmware is 32-bit, whose runtime services do not survive kexec: ${lost} are gone.`,
      evidence,
      remedy: 'Accept the loss, or reboot through the firmware.',
    });
  return results.pass('UEFI is handed over.', evidence);
}

export const efiHandover: PreflightCheck = {
  id: 'efi-handover',
  subject: 'UEFI runtime services in the new kernel',
  run({ machine, target }): readonly Finding[] {
    const results = resultsOf('efi-handover');
    const { efi } = machine;
    if (machine.architecture !== 'x86-64') return [];
    if (efi.state === 'absent')
      return results.pass('This machine was not started by UEFI.', [evidenceOf(efi, () => 'present')]);
    if (efi.state === 'unreadable')
      return results.warning({
        title: 'What UEFI left in memory cannot be read.',
        evidence: [evidenceOf(efi)],
        remedy: 'Run khop as root.',
      });
    const image = target === undefined ? undefined : valueOf(target.image);
    const header = image?.setupHeader;
    const lacksFlag = header !== undefined && (header.xloadFlags & XLF_EFI_KEXEC) === 0;
    const isIgnored = target !== undefined && hasArgument(target.commandLine, 'noefi');
    const missing = missingEfiParts(efi.value);
    const evidence = [
      ...(image === undefined || header === undefined ? [] : [`${image.path}: ${describeHeader(header)}`]),
      ...(isIgnored ? ['new command line: noefi'] : []),
    ];
    return judgeEfi(efi.value, missing, evidence, lacksFlag || isIgnored || missing.length > 0);
  },
};

/** On arm64 the tree is the only way in, also for UEFI and ACPI: linux,uefi-* live in its /chosen. */
export const deviceTreeHandover: PreflightCheck = {
  id: 'device-tree-handover',
  subject: 'the device tree for the new kernel',
  run(input) {
    const { machine, target } = input;
    if (machine.architecture !== 'arm64') return [];
    const results = resultsOf('device-tree-handover');
    const evidence = [evidenceOf(machine.deviceTree, (bytes) => `${bytes.length} bytes`)];
    if (likelyMethod(input) === 'file')
      return results.pass('kexec_file_load hands over the device tree itself.', evidence);
    if (machine.deviceTree.state === 'read')
      return results.pass('The device tree can be read and handed over.', evidence);
    const own = target?.kernel.deviceTree;
    if (own !== undefined)
      return results.warning({
        title: 'The running device tree cannot be read; the kernel’s own lacks what firmware added.',
        evidence: [...evidence, `kernel entry: device tree ${own}`],
        remedy: 'Run khop as root, so that /sys/firmware/fdt is the base.',
      });
    return results.refusal({
      title: 'The device tree cannot be read, and an arm64 kernel does not start without one.',
      evidence,
      remedy: 'Run khop as root, or give a device tree with --dtb.',
      isOverridable: false,
    });
  },
};

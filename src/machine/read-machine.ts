/**
 * The machine as one value.
 * @module
 */
import type { Architecture } from '../formats/architecture.ts';
import { readHibernationImages } from './block-header.ts';
import { readCpu } from './cpu.ts';
import { readCrashFacts } from './crash-facts.ts';
import * as devices from './devices.ts';
import { readEfi } from './efi.ts';
import type { MachineFacts } from './facts.ts';
import { hostArchitecture } from './host-architecture.ts';
import * as guest from './hypervisor.ts';
import { readKexecState, readLockdown, type SyscallProbe } from './kexec-state.ts';
import { readLuksTokens } from './luks.ts';
import { readFirmwareMap, readIomem, readMeminfo } from './memory.ts';
import { readMounts } from './mounts.ts';
import * as platform from './platform.ts';
import { type Reading, valueOf } from './reading.ts';
import { mapReading, readBytes, readNames, readText } from './source.ts';
import { readRootStorage } from './storage.ts';
import * as system from './system.ts';
import { readSystemdSettings } from './systemd-settings.ts';

/** What cannot be read from files. */
export interface MachineQuestions {
  /** Which architecture the tree is of; what the tree says, else the host's, when left out. */
  readonly architecture?: Architecture;
  /** Asks the system calls; only on the machine itself. */
  readonly probe?: SyscallProbe;
  /** Lines of the kernel log; only on the machine itself. */
  readonly kernelLog?: Reading<readonly string[]>;
}

/** Reads everything below `root`. Never throws for a bad source: its reading says so. */
export function readMachine(root: string, questions: MachineQuestions = {}): MachineFacts {
  const cpu = readCpu(root);
  const dmi = platform.readDmi(root);
  const release = readText(root, '/proc/sys/kernel/osrelease');
  const mounts = readMounts(root);
  const architecture = questions.architecture ?? readArchitecture(root);
  const bootParams = mapReading(readBytes(root, '/sys/kernel/boot_params/data'), (bytes) =>
    bytes.length === 4096 ? bytes : undefined,
  );
  const kernelLog: MachineFacts['kernelLog'] = questions.kernelLog ?? {
    state: 'absent',
    source: '/dev/kmsg',
  };
  const evidence = { architecture, dmi, flags: cpu.flags, bootParams, kernelLog };
  return {
    root,
    architecture,
    release,
    version: readText(root, '/proc/sys/kernel/version'),
    bootId: readText(root, '/proc/sys/kernel/random/boot_id'),
    uptimeMs: mapReading(readText(root, '/proc/uptime'), (text) => {
      const seconds = Number.parseFloat(text);
      return Number.isFinite(seconds) ? Math.round(seconds * 1000) : undefined;
    }),
    operatingSystem: mapReading(
      readText(root, '/etc/os-release'),
      (text) => /^PRETTY_NAME="?(.*?)"?$/m.exec(text)?.[1],
    ),
    commandLine: readText(root, '/proc/cmdline'),
    memoryTotalBytes: readMeminfo(root, 'MemTotal'),
    memoryAvailableBytes: readMeminfo(root, 'MemAvailable'),
    iomem: readIomem(root),
    firmwareMap: readFirmwareMap(root),
    bootParams,
    deviceTree: readBytes(root, '/sys/firmware/fdt'),
    efi: readEfi(root),
    kexec: readKexecState(root, questions.probe),
    crash: readCrashFacts(root),
    lockdown: readLockdown(root),
    capabilities: system.readCapabilities(root),
    container: platform.readContainer(root),
    cpu,
    dmi,
    hypervisor: guest.readHypervisor(root, evidence),
    confidentialGuest: guest.readConfidentialGuest(root, evidence),
    loadedModules: system.readLoadedModules(root),
    framebuffers: devices.readFramebuffers(root),
    networkInterfaces: devices.readNetworkInterfaces(root),
    pciDevices: devices.readPciDevices(root),
    mounts,
    consoles: devices.readConsoles(root),
    diskNames: devices.readDiskNames(root),
    blockDevices: devices.readBlockDevices(root),
    kernelConfig: system.readRunningConfig(root, valueOf(release)),
    imaPolicy: system.readImaPolicy(root),
    keyDescriptions: system.readKeyDescriptions(root),
    crypttab: system.readCrypttab(root),
    hasTpm: devices.readHasTpm(root),
    watchdogs: devices.readWatchdogs(root),
    serviceManager: system.readServiceManager(root),
    kernelLog,
    moduleReleases: readModuleReleases(root),
    taint: system.readTaint(root),
    pageSize: system.readPageSize(root),
    rootStorage: readRootStorage(root, mounts),
    luksTokens: readLuksTokens(root),
    hibernationImages: readHibernationImages(root),
    systemdSettings: readSystemdSettings(root),
    xenGuestType: guest.readXenGuestType(root),
    sevSnpHost: guest.readSevSnpHost(root),
  };
}

/** kernel.arch (6.1+) has the machine name of uname. */
function readArchitecture(root: string): Architecture {
  const name = valueOf(readText(root, '/proc/sys/kernel/arch'));
  return name === 'x86_64' ? 'x86-64' : name === 'aarch64' ? 'arm64' : hostArchitecture();
}

/** By number where there are numbers: 6.12 is newer than 6.9. */
function readModuleReleases(root: string): Reading<readonly string[]> {
  const order = new Intl.Collator('en', { numeric: true });
  return mapReading(readNames(root, '/lib/modules'), (names) => names.toSorted(order.compare));
}

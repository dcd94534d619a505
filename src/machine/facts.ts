/**
 * Everything khop reads about the machine it stands on, as one value. Gathered by `readMachine(root)`; a
 * recorded tree of /proc and /sys gives the same value in a test as on the machine it was recorded on.
 * Sources are named on the fields; every one can be absent or unreadable, see `Reading`.
 * @module
 */
import type { Architecture } from '../formats/architecture.ts';
import type { MemoryMap } from '../formats/memory-map.ts';
import type { Range } from '../formats/range.ts';
import type { Reading } from './reading.ts';

/** One line of /proc/iomem with what is nested below it. */
export interface IomemEntry extends Range {
  readonly name: string;
  readonly children: readonly IomemEntry[];
}

/** One entry of /sys/firmware/efi/runtime-map. */
export interface EfiRuntimeEntry {
  readonly type: number;
  readonly physicalAddress: bigint;
  readonly virtualAddress: bigint;
  readonly pageCount: bigint;
  readonly attribute: bigint;
}

/** /sys/firmware/efi; the whole is absent on a machine that was not started by EFI. */
export interface EfiFacts {
  /** `ACPI20`, `ACPI`, `SMBIOS`, `SMBIOS3` ... -> address, from systab. */
  readonly systemTable: Reading<ReadonlyMap<string, bigint>>;
  /** Physical address of the vendor string, since x86 kernels export it (`fw_vendor`). */
  readonly firmwareVendor: Reading<bigint>;
  readonly runtime: Reading<bigint>;
  readonly configTable: Reading<bigint>;
  readonly runtimeMap: Reading<readonly EfiRuntimeEntry[]>;
  /** efivars SecureBoot-8be4df61-...; true when enforcing. */
  readonly secureBoot: Reading<boolean>;
  /** 64 or 32, fw_platform_size. */
  readonly platformSize: Reading<number>;
}

/** Whether a system call can be used: asked with arguments that can do nothing. */
export type SyscallAvailability =
  | { readonly state: 'available' }
  | { readonly state: 'missing' }
  | { readonly state: 'denied'; readonly errno: string };

/** The state of the kernel's kexec, /sys/kernel/kexec_* or (6.19+) /sys/kernel/kexec/*. */
export interface KexecFacts {
  readonly loaded: Reading<boolean>;
  readonly crashLoaded: Reading<boolean>;
  /** Bytes reserved for the panic kernel, 0 without a reservation. */
  readonly crashSize: Reading<bigint>;
  /** crash_elfcorehdr_size, 6.10+ with CRASH_HOTPLUG. */
  readonly crashElfcorehdrSize: Reading<bigint>;
  /** kernel.kexec_load_disabled. */
  readonly loadDisabled: Reading<boolean>;
  /** kernel.kexec_load_limit_{panic,reboot} (6.3+), -1 is no limit. */
  readonly loadLimitPanic: Reading<number>;
  readonly loadLimitReboot: Reading<number>;
  readonly kexecLoad: Reading<SyscallAvailability>;
  readonly kexecFileLoad: Reading<SyscallAvailability>;
}

export type Lockdown = 'none' | 'integrity' | 'confidentiality';

/** One NIC of /sys/class/net that has a device behind it. */
export interface NetworkInterface {
  readonly name: string;
  readonly driver: string | undefined;
  readonly operationalState: string;
}

/** One device of /sys/bus/pci/devices. Numbers as in sysfs, e.g. classCode 0x030000. */
export interface PciDevice {
  readonly address: string;
  readonly classCode: number;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly driver: string | undefined;
}

/** One line of /proc/self/mountinfo. */
export interface Mount {
  readonly mountPoint: string;
  readonly fileSystem: string;
  readonly source: string;
  readonly options: readonly string[];
}

/** What carries the root file system, followed down through device mapper, RAID and partitions. */
export interface RootStorage {
  /** Block devices, top first: `dm-0`, `vda3`, `vda`. Empty when no block device carries it (NFS, 9p, tmpfs). */
  readonly blockDevices: readonly string[];
  /** Drivers bound anywhere above them in sysfs, as the kernel names them: `virtio_blk`, `sd`, `nvme`, `usb-storage`. */
  readonly drivers: readonly string[];
  /** Modules those drivers come from; a driver that is built in has none. */
  readonly modules: readonly string[];
  /** Device paths below /sys/devices, one a disk: tells USB, iSCSI sessions and NVMe fabrics. */
  readonly devicePaths: readonly string[];
}

/** One token of a LUKS2 header: what can unlock the volume besides a typed key. */
export interface LuksToken {
  /** Name of the block device that holds the header, e.g. `vda3`. */
  readonly device: string;
  /** `systemd-tpm2`, `systemd-fido2`, `clevis`, ... */
  readonly type: string;
}

/** One of /sys/class/watchdog. */
export interface WatchdogFacts {
  readonly name: string;
  readonly identity: string | undefined;
  readonly state: string | undefined;
  readonly timeoutSeconds: number | undefined;
  readonly nowayout: boolean | undefined;
  /** Of its driver; undefined when that is built in, or there is no device behind it (softdog). */
  readonly module: string | undefined;
  /** The driver as the kernel calls it, e.g. `sp5100-tco`; undefined without a device behind it. */
  readonly driver: string | undefined;
  /** Of the drivers that its device hangs on, its own first: iTCO_wdt needs i2c_i801 to have a device at all. */
  readonly modules: readonly string[];
  /** min_timeout and max_timeout, 5.13+; undefined where the driver has no limit of its own (0). */
  readonly leastSeconds: number | undefined;
  readonly mostSeconds: number | undefined;
  /** Whether process 1 has it open: then nobody else can. */
  readonly isHeldByInit: boolean | undefined;
  /** Whether the kernel was started with watchdog.stop_on_reboot=0, which kexec heeds as well. */
  readonly isKeptOnReboot: boolean | undefined;
}

/** /proc/cpuinfo, /sys/devices/system/cpu and, on arm64, the device tree's enable-method. */
export interface CpuFacts {
  readonly online: Reading<number>;
  readonly possible: Reading<number>;
  readonly flags: Reading<ReadonlySet<string>>;
  /** x86: `GenuineIntel`, `AuthenticAMD`, ... */
  readonly vendor: Reading<string>;
  /** x86: initial APIC id of processor 0, which is the one that the firmware started with. */
  readonly bootProcessor: Reading<number>;
  /** x86: five-level paging in use: flag la57 and no `no5lvl`. */
  readonly fiveLevelPaging: Reading<boolean>;
  /** arm64: distinct enable-methods, `psci` or `spin-table`. */
  readonly enableMethods: Reading<readonly string[]>;
}

/** /sys/class/dmi/id. */
export interface DmiFacts {
  readonly systemVendor: Reading<string>;
  readonly productName: Reading<string>;
  readonly boardName: Reading<string>;
  readonly biosVersion: Reading<string>;
}

/** Where one CPU leaves its registers when the kernel panics. */
export interface CpuCrashNotes {
  readonly cpu: number;
  /** Physical. */
  readonly address: bigint;
  /** Bytes. */
  readonly size: bigint;
}

/** Where the running kernel's image is. */
export interface KernelMapping {
  readonly virtualAddress: bigint;
  readonly physicalAddress: bigint;
  /** Bytes. */
  readonly size: bigint;
}

/** What the header of a crash dump is made from. */
export interface CrashFacts {
  /** /sys/devices/system/cpu/cpuN/crash_notes and crash_notes_size. */
  readonly cpuNotes: Reading<readonly CpuCrashNotes[]>;
  /** /sys/kernel/vmcoreinfo, physical; bytes. */
  readonly vmcoreinfo: Reading<{ readonly address: bigint; readonly size: bigint }>;
  /** From the headers of /proc/kcore; hidden under lockdown=confidentiality. */
  readonly kernelText: Reading<KernelMapping>;
  /** Virtual address of physical address 0 in the kernel's map of all memory, from /proc/kcore. */
  readonly directMapBase: Reading<bigint>;
  /** /sys/kernel/kexec/crash_cma_ranges (6.17+): memory the panic kernel uses besides its reservation. */
  readonly cmaRanges: Reading<readonly Range[]>;
}

/** The machine khop stands on. */
export interface MachineFacts {
  readonly root: string;
  readonly architecture: Architecture;
  readonly release: Reading<string>;
  /** /proc/sys/kernel/version: `uname -v`. */
  readonly version: Reading<string>;
  readonly bootId: Reading<string>;
  /** Since the kernel's clock started, /proc/uptime, ms. */
  readonly uptimeMs: Reading<number>;
  /** /etc/os-release PRETTY_NAME. */
  readonly operatingSystem: Reading<string>;
  readonly commandLine: Reading<string>;
  readonly memoryTotalBytes: Reading<bigint>;
  readonly memoryAvailableBytes: Reading<bigint>;
  /** Top level of /proc/iomem; unreadable when addresses are hidden (all zero). */
  readonly iomem: Reading<readonly IomemEntry[]>;
  /** /sys/firmware/memmap: what the firmware said, before the kernel changed it. */
  readonly firmwareMap: Reading<MemoryMap>;
  /** /sys/kernel/boot_params/data, 4096 bytes, x86 only. */
  readonly bootParams: Reading<Uint8Array>;
  /** /sys/firmware/fdt. */
  readonly deviceTree: Reading<Uint8Array>;
  readonly efi: Reading<EfiFacts>;
  readonly kexec: KexecFacts;
  readonly crash: CrashFacts;
  readonly lockdown: Reading<Lockdown>;
  /** Effective capabilities of this process, names without CAP_, from /proc/self/status. */
  readonly capabilities: Reading<ReadonlySet<string>>;
  /** systemd-detect-virt style container name (`docker`, `lxc`, ...); absent outside containers. */
  readonly container: Reading<string>;
  readonly cpu: CpuFacts;
  readonly dmi: DmiFacts;
  /** `kvm`, `qemu`, `xen`, `microsoft`, `vmware`, `google`, `amazon`, ...; absent on bare metal. */
  readonly hypervisor: Reading<string>;
  /** `sev-snp`, `sev`, `tdx`, `cca`; absent when not a confidential guest. */
  readonly confidentialGuest: Reading<string>;
  /** Names in /proc/modules. */
  readonly loadedModules: Reading<ReadonlySet<string>>;
  /** /proc/fb, one name a framebuffer, e.g. `EFI VGA`, `bochs-drmdrmfb`. */
  readonly framebuffers: Reading<readonly string[]>;
  readonly networkInterfaces: Reading<readonly NetworkInterface[]>;
  readonly pciDevices: Reading<readonly PciDevice[]>;
  readonly mounts: Reading<readonly Mount[]>;
  /** Active consoles of /sys/class/tty/console/active, e.g. `tty0`, `ttyS0`. */
  readonly consoles: Reading<readonly string[]>;
  /** Names under /dev/disk/by-{uuid,partuuid,label,partlabel}: `UUID=...`, `PARTUUID=...`, ... */
  readonly diskNames: Reading<ReadonlySet<string>>;
  /** Names under /sys/class/block, e.g. `vda1`, `nvme0n1p2`, `dm-0`. */
  readonly blockDevices: Reading<ReadonlySet<string>>;
  /** The running kernel's configuration, CONFIG_X -> y, m or value. */
  readonly kernelConfig: Reading<ReadonlyMap<string, string>>;
  /** Lines of /sys/kernel/security/ima/policy. */
  readonly imaPolicy: Reading<readonly string[]>;
  /** Names of the certificates in /proc/keys, e.g. `Debian Secure Boot CA`. */
  readonly keyDescriptions: Reading<readonly string[]>;
  /** Lines of /etc/crypttab without comments. */
  readonly crypttab: Reading<readonly string[]>;
  readonly hasTpm: Reading<boolean>;
  readonly watchdogs: Reading<readonly WatchdogFacts[]>;
  /** `systemd` when /run/systemd/system exists, else the name of PID 1. */
  readonly serviceManager: Reading<string>;
  /** Lines of the kernel log, without prefixes, oldest first. */
  readonly kernelLog: Reading<readonly string[]>;
  /** Names of /lib/modules/*, newest last. */
  readonly moduleReleases: Reading<readonly string[]>;
  /** /proc/sys/kernel/tainted: bit 0 proprietary, 12 out-of-tree, 13 unsigned module. */
  readonly taint: Reading<number>;
  /** Bytes of a page, AT_PAGESZ of /proc/self/auxv. */
  readonly pageSize: Reading<number>;
  readonly rootStorage: Reading<RootStorage>;
  /** Tokens of the LUKS2 volumes in use; absent when no such volume is open. */
  readonly luksTokens: Reading<readonly LuksToken[]>;
  /** Swap of resume= and /etc/fstab that holds a suspended system (signature S1SUSPEND), as paths. */
  readonly hibernationImages: Reading<readonly string[]>;
  /** The `[Manager]` settings of systemd's system.conf and its drop-ins. */
  readonly systemdSettings: Reading<ReadonlyMap<string, string>>;
  /** /sys/hypervisor/guest_type: `PV`, `HVM`, `PVH`; absent outside Xen. */
  readonly xenGuestType: Reading<string>;
  /** Whether this is a host of SEV-SNP guests: kvm_amd's parameter sev_snp. */
  readonly sevSnpHost: Reading<boolean>;
}

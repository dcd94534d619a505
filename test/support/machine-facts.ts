/**
 * Machines as values, for tests of what decides by them: a healthy one, and small changes to it.
 * @module
 */
import type { EfiFacts, MachineFacts, WatchdogFacts } from '../../src/machine/facts.ts';
import type { Reading } from '../../src/machine/reading.ts';

export function read<T>(value: T, source = '/test/source'): Reading<T> {
  return { state: 'read', value, source };
}

/** Assignable to a reading of anything. */
export function absent(source = '/test/source'): Reading<never> {
  return { state: 'absent', source };
}

/** Assignable to a reading of anything. */
export function unreadable(source = '/test/source', reason = 'EACCES'): Reading<never> {
  return { state: 'unreadable', source, reason };
}

const MIB = 1024n * 1024n;

const RUNNING_RELEASE = '6.12.74+deb13-amd64';
const RUNNING_COMMAND_LINE =
  `BOOT_IMAGE=/boot/vmlinuz-${RUNNING_RELEASE} root=UUID=2f3a4c1e-0000-4000-8000-000000000001 ro ` +
  'console=tty0 console=ttyS0,115200 quiet';

/** UEFI with everything that a hand-over needs, Secure Boot off. */
export function healthyEfi(overrides: Partial<EfiFacts> = {}): EfiFacts {
  return {
    systemTable: read(
      new Map([
        ['ACPI20', 0x7fb7e014n],
        ['SMBIOS', 0x7f9cf000n],
      ]),
      '/sys/firmware/efi/systab',
    ),
    firmwareVendor: read(0x7fb85018n, '/sys/firmware/efi/fw_vendor'),
    runtime: read(0x7fbeeb18n, '/sys/firmware/efi/runtime'),
    configTable: read(0x7f9ee018n, '/sys/firmware/efi/config_table'),
    runtimeMap: read(
      [
        {
          type: 5,
          physicalAddress: 0x7f8ed000n,
          virtualAddress: 0xfffffffeffa00000n,
          pageCount: 256n,
          attribute: 0x800000000000000fn,
        },
      ],
      '/sys/firmware/efi/runtime-map',
    ),
    secureBoot: read(false, '/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c'),
    platformSize: read(64, '/sys/firmware/efi/fw_platform_size'),
    ...overrides,
  };
}

/** A Debian guest under KVM: x86-64, BIOS, virtio disk and network, systemd, 2 GiB; khop runs as root. */
export function healthyMachine(overrides: Partial<MachineFacts> = {}): MachineFacts {
  return { ...identity(), ...memory(), ...firmware(), ...trust(), ...devices(), ...system(), ...overrides };
}

function identity() {
  return {
    root: '/',
    architecture: 'x86-64',
    release: read(RUNNING_RELEASE, '/proc/sys/kernel/osrelease'),
    // That of the images that tests build.
    version: read('#1 SMP', '/proc/sys/kernel/version'),
    bootId: read('00000000-0000-4000-8000-00000000b007', '/proc/sys/kernel/random/boot_id'),
    uptimeMs: read(3_600_000, '/proc/uptime'),
    operatingSystem: read('Debian GNU/Linux 13 (trixie)', '/etc/os-release'),
    commandLine: read(RUNNING_COMMAND_LINE, '/proc/cmdline'),
    container: absent('/run/systemd/container'),
    capabilities: read(new Set(['sys_admin', 'sys_boot']), '/proc/self/status'),
  } satisfies Partial<MachineFacts>;
}

function memory() {
  return {
    memoryTotalBytes: read(2048n * MIB, '/proc/meminfo'),
    memoryAvailableBytes: read(1600n * MIB, '/proc/meminfo'),
    iomem: read(
      [
        { name: 'System RAM', start: 0x1000n, end: 0x9fc00n, children: [] },
        { name: 'System RAM', start: 0x100000n, end: 0x7ffdc000n, children: [] },
      ],
      '/proc/iomem',
    ),
    firmwareMap: read(
      [
        { type: 'ram', start: 0n, end: 0x9fc00n },
        { type: 'ram', start: 0x100000n, end: 0x7ffdc000n },
      ],
      '/sys/firmware/memmap',
    ),
    pageSize: read(4096, '/proc/self/auxv'),
  } satisfies Partial<MachineFacts>;
}

function firmware() {
  return {
    bootParams: read(new Uint8Array(4096), '/sys/kernel/boot_params/data'),
    deviceTree: absent('/sys/firmware/fdt'),
    efi: absent('/sys/firmware/efi'),
    dmi: {
      systemVendor: read('QEMU', '/sys/class/dmi/id/sys_vendor'),
      productName: read('Standard PC (Q35 + ICH9, 2009)', '/sys/class/dmi/id/product_name'),
      boardName: absent('/sys/class/dmi/id/board_name'),
      biosVersion: read('1.16.2', '/sys/class/dmi/id/bios_version'),
    },
    hypervisor: read('kvm', '/sys/class/dmi/id and /proc/cpuinfo'),
    xenGuestType: absent('/sys/hypervisor/guest_type'),
    confidentialGuest: absent('/dev/sev-guest, /dev/tdx_guest and /proc/cpuinfo'),
    sevSnpHost: absent('/sys/module/kvm_amd/parameters/sev_snp'),
    cpu: {
      online: read(2, '/sys/devices/system/cpu/online'),
      possible: read(2, '/sys/devices/system/cpu/possible'),
      flags: read(new Set(['lm', 'hypervisor']), '/proc/cpuinfo'),
      vendor: read('GenuineIntel', '/proc/cpuinfo'),
      fiveLevelPaging: read(false, '/proc/cpuinfo'),
      bootProcessor: read(0, '/proc/cpuinfo'),
      enableMethods: absent('/proc/device-tree/cpus'),
    },
  } satisfies Partial<MachineFacts>;
}

function trust() {
  return {
    kexec: {
      loaded: read(false, '/sys/kernel/kexec_loaded'),
      crashLoaded: read(false, '/sys/kernel/kexec_crash_loaded'),
      crashSize: read(0n, '/sys/kernel/kexec_crash_size'),
      crashElfcorehdrSize: absent('/sys/kernel/crash_elfcorehdr_size'),
      loadDisabled: read(false, '/proc/sys/kernel/kexec_load_disabled'),
      loadLimitPanic: read(-1, '/proc/sys/kernel/kexec_load_limit_panic'),
      loadLimitReboot: read(-1, '/proc/sys/kernel/kexec_load_limit_reboot'),
      kexecLoad: read({ state: 'available' }, 'kexec_load(2)'),
      kexecFileLoad: read({ state: 'available' }, 'kexec_file_load(2)'),
    },
    crash: {
      cpuNotes: read(
        [
          { cpu: 0, address: 0x3e21_a000n, size: 400n },
          { cpu: 1, address: 0x3e25_a000n, size: 400n },
        ],
        '/sys/devices/system/cpu',
      ),
      vmcoreinfo: read({ address: 0x43f_8000n, size: 4096n }, '/sys/kernel/vmcoreinfo'),
      kernelText: read(
        { virtualAddress: 0xffff_ffff_8e20_0000n, physicalAddress: 0x2e20_0000n, size: 0x280_0000n },
        '/proc/kcore',
      ),
      directMapBase: read(0xffff_9a3c_8000_0000n, '/proc/kcore'),
      cmaRanges: absent('/sys/kernel/kexec/crash_cma_ranges'),
    },
    lockdown: read('none', '/sys/kernel/security/lockdown'),
    // Write-only unless CONFIG_IMA_READ_POLICY is set, which Debian does not.
    imaPolicy: unreadable('/sys/kernel/security/ima/policy', 'EACCES'),
    keyDescriptions: read(
      ['.builtin_trusted_keys', 'Debian Secure Boot CA: 6ccece7e4c6c0d1f6149f3dd27dfcc5cbb419ea1'],
      '/proc/keys',
    ),
    kernelConfig: read(
      new Map([
        ['CONFIG_KEXEC', 'y'],
        ['CONFIG_KEXEC_FILE', 'y'],
        ['CONFIG_KEXEC_SIG', 'y'],
        ['CONFIG_KEXEC_BZIMAGE_VERIFY_SIG', 'y'],
        ['CONFIG_MODULES', 'y'],
      ]),
      `/boot/config-${RUNNING_RELEASE}`,
    ),
    taint: read(0, '/proc/sys/kernel/tainted'),
  } satisfies Partial<MachineFacts>;
}

function devices() {
  return {
    loadedModules: read(new Set(['virtio_net', 'virtio_blk', 'ext4']), '/proc/modules'),
    framebuffers: absent('/proc/fb'),
    networkInterfaces: read(
      [{ name: 'ens3', driver: 'virtio_net', operationalState: 'up' }],
      '/sys/class/net',
    ),
    pciDevices: read(
      [
        {
          address: '0000:00:04.0',
          classCode: 0x010000,
          vendorId: 0x1af4,
          deviceId: 0x1042,
          driver: 'virtio-pci',
        },
      ],
      '/sys/bus/pci/devices',
    ),
    mounts: read(
      [{ mountPoint: '/', fileSystem: 'ext4', source: '/dev/vda1', options: ['rw', 'relatime'] }],
      '/proc/self/mountinfo',
    ),
    consoles: read(['tty0', 'ttyS0'], '/sys/class/tty/console/active'),
    diskNames: read(
      new Set(['UUID=2f3a4c1e-0000-4000-8000-000000000001', 'PARTUUID=deadbeef-01']),
      '/dev/disk',
    ),
    blockDevices: read(new Set(['vda', 'vda1']), '/sys/class/block'),
    rootStorage: read(
      {
        blockDevices: ['vda1', 'vda'],
        drivers: ['virtio_blk', 'virtio-pci'],
        modules: ['virtio_blk'],
        devicePaths: ['/sys/devices/pci0000:00/0000:00:04.0/virtio1/block/vda'],
      },
      '/proc/self/mountinfo',
    ),
    hasTpm: read(false, '/sys/class/tpm'),
    watchdogs: read([], '/sys/class/watchdog'),
  } satisfies Partial<MachineFacts>;
}

function system() {
  return {
    crypttab: absent('/etc/crypttab'),
    luksTokens: absent('/sys/class/block/dm-*/dm/uuid'),
    hibernationImages: read([], '/proc/swaps'),
    systemdSettings: absent('/etc/systemd/system.conf'),
    serviceManager: read('systemd', '/run/systemd/system'),
    kernelLog: read([`Linux version ${RUNNING_RELEASE}`], '/dev/kmsg'),
    moduleReleases: read([RUNNING_RELEASE], '/lib/modules'),
  } satisfies Partial<MachineFacts>;
}

/** The same as an arm64 board with a device tree, PSCI and GICv2, without UEFI; kexec_load only, as on Debian. */
export function healthyArm64Machine(overrides: Partial<MachineFacts> = {}): MachineFacts {
  const base = healthyMachine();
  return {
    ...base,
    architecture: 'arm64',
    bootParams: absent('/sys/kernel/boot_params/data'),
    deviceTree: read(Buffer.from('linux,dummy-virt\0arm,cortex-a15-gic\0'), '/sys/firmware/fdt'),
    release: read('6.12.74+deb13-arm64', '/proc/sys/kernel/osrelease'),
    kexec: { ...base.kexec, kexecFileLoad: read({ state: 'missing' }, 'kexec_file_load(2)') },
    cpu: {
      ...base.cpu,
      fiveLevelPaging: absent('/proc/cpuinfo'),
      bootProcessor: absent('/proc/cpuinfo'),
      enableMethods: read(['psci'], '/proc/device-tree/cpus'),
    },
    ...overrides,
  };
}

/** The watchdog of an Intel chipset that nobody has started. */
export function restingWatchdog(overrides: Partial<WatchdogFacts> = {}): WatchdogFacts {
  return {
    name: 'watchdog0',
    identity: 'iTCO_wdt',
    state: 'inactive',
    timeoutSeconds: 30,
    nowayout: false,
    module: 'iTCO_wdt',
    driver: 'iTCO_wdt',
    modules: ['iTCO_wdt', 'i2c_i801'],
    leastSeconds: 2,
    mostSeconds: 613,
    isHeldByInit: false,
    isKeptOnReboot: false,
    ...overrides,
  };
}

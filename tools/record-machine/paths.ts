/**
 * What `readMachine` reads. The recorder compares its result with the machine, so a path that is missing here
 * shows as a reading that differs.
 * @module
 */

const KEXEC_NAMES = ['loaded', 'crash_loaded', 'crash_size', 'crash_elfcorehdr_size'];

const PROC = [
  ...['cmdline', 'config.gz', 'cpuinfo', 'fb', 'iomem', 'keys', 'meminfo', 'modules', 'swaps', 'uptime'],
  ...['1/comm', 'self/auxv', 'self/mountinfo', 'self/status'],
  ...['arch', 'osrelease', 'random/boot_id', 'tainted', 'kexec_load_disabled'].map(
    (name) => `sys/kernel/${name}`,
  ),
  ...['kexec_load_limit_panic', 'kexec_load_limit_reboot'].map((name) => `sys/kernel/${name}`),
].map((name) => `/proc/${name}`);

const FIRMWARE = [
  '/sys/firmware/memmap/*/*',
  '/sys/firmware/fdt',
  '/sys/firmware/devicetree/base/compatible',
  '/sys/firmware/devicetree/base/hypervisor/compatible',
  '/sys/firmware/devicetree/base/cpus/*/enable-method',
  ...['systab', 'fw_vendor', 'runtime', 'config_table', 'fw_platform_size', 'runtime-map/*/*'].map(
    (name) => `/sys/firmware/efi/${name}`,
  ),
  '/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c',
  '/sys/kernel/boot_params/data',
  ...['sys_vendor', 'product_name', 'board_name', 'bios_version'].map((name) => `/sys/class/dmi/id/${name}`),
];

const KERNEL = [
  ...KEXEC_NAMES.flatMap((name) => [`/sys/kernel/kexec/${name}`, `/sys/kernel/kexec_${name}`]),
  '/sys/kernel/crash_elfcorehdr_size',
  '/sys/kernel/security/lockdown',
  '/sys/kernel/security/ima/policy',
  '/sys/power/resume',
  '/sys/hypervisor/type',
  '/sys/hypervisor/guest_type',
  '/sys/module/kvm_amd/parameters/sev_snp',
  '/sys/devices/system/cpu/online',
  '/sys/devices/system/cpu/possible',
  '/sys/devices/system/clocksource/clocksource0/available_clocksource',
  '/sys/devices/platform/arm-cca-dev',
];

const DEVICES = [
  ...['class', 'vendor', 'device', 'driver'].map((name) => `/sys/bus/pci/devices/*/${name}`),
  ...['operstate', 'device', 'device/driver'].map((name) => `/sys/class/net/*/${name}`),
  ...['', '/dm/uuid', '/slaves', '/slaves/*', '/partition'].map((name) => `/sys/class/block/*${name}`),
  '/sys/dev/block/*',
  ...['identity', 'state', 'timeout', 'nowayout', 'min_timeout', 'max_timeout', 'device/driver'].map(
    (name) => `/sys/class/watchdog/*/${name}`,
  ),
  '/sys/module/watchdog/parameters/stop_on_reboot',
  '/sys/class/watchdog',
  '/sys/class/tpm',
  '/sys/class/tpm/*',
  '/sys/class/tty/console/active',
  ...['uuid', 'partuuid', 'label', 'partlabel'].map((name) => `/dev/disk/by-${name}/*`),
  ...['tdx_guest', 'sev-guest', 'null'].map((name) => `/dev/${name}`),
];

const SYSTEM = [
  '/etc/os-release',
  '/etc/crypttab',
  '/etc/fstab',
  ...['/etc', '/run', '/usr/local/lib', '/usr/lib'].flatMap((folder) => [
    `${folder}/systemd/system.conf`,
    `${folder}/systemd/system.conf.d/*`,
  ]),
  '/run/systemd/system',
  '/run/systemd/container',
  '/.dockerenv',
  '/run/.containerenv',
  '/lib/modules/*',
];

/** Absolute; `*` stands for any one name. */
export const RECORDED_PATHS: readonly string[] = [...PROC, ...FIRMWARE, ...KERNEL, ...DEVICES, ...SYSTEM];

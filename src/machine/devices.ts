/**
 * Devices that matter to a jump: PCI functions with their drivers, network, framebuffers, consoles,
 * watchdogs, TPM, block devices and their names.
 * @module
 */
import { driverModule } from './driver-module.ts';
import type { NetworkInterface, PciDevice, WatchdogFacts } from './facts.ts';
import { type Reading, valueOf } from './reading.ts';
import { booleanOf, integerOf, linesOf, mapReading, readLinkName, readNames, readText } from './source.ts';
import { modulesOfDevice } from './storage.ts';
import { holdsWatchdog } from './watchdog/holder.ts';

export function readPciDevices(root: string): Reading<readonly PciDevice[]> {
  const folder = '/sys/bus/pci/devices';
  return mapReading(readNames(root, folder), (addresses) =>
    addresses.map((address) => {
      const number = (name: string) =>
        integerOf(valueOf(readText(root, `${folder}/${address}/${name}`)) ?? '') ?? 0;
      return {
        address,
        classCode: number('class'),
        vendorId: number('vendor'),
        deviceId: number('device'),
        driver: valueOf(readLinkName(root, `${folder}/${address}/driver`)),
      };
    }),
  );
}

/** Interfaces with a device behind them: no bridges, no loopback. */
export function readNetworkInterfaces(root: string): Reading<readonly NetworkInterface[]> {
  const folder = '/sys/class/net';
  return mapReading(readNames(root, folder), (names) =>
    names
      .filter((name) => readLinkName(root, `${folder}/${name}/device`).state === 'read')
      .map((name) => ({
        name,
        driver: valueOf(readLinkName(root, `${folder}/${name}/device/driver`)),
        operationalState: valueOf(readText(root, `${folder}/${name}/operstate`)) ?? 'unknown',
      })),
  );
}

/** `0 EFI VGA` -> `EFI VGA`. */
export function readFramebuffers(root: string): Reading<readonly string[]> {
  return mapReading(readText(root, '/proc/fb'), (text) =>
    linesOf(text).map((line) => line.replace(/^\d+\s+/, '')),
  );
}

export function readConsoles(root: string): Reading<readonly string[]> {
  return mapReading(readText(root, '/sys/class/tty/console/active'), (text) =>
    text.split(/\s+/).filter((name) => name !== ''),
  );
}

export function readWatchdogs(root: string): Reading<readonly WatchdogFacts[]> {
  const folder = '/sys/class/watchdog';
  return mapReading(readNames(root, folder), (names) =>
    names.map((name) => {
      const field = (file: string) => valueOf(readText(root, `${folder}/${name}/${file}`));
      const limit = (file: string) => integerOf(field(file) ?? '') || undefined;
      return {
        name,
        identity: field('identity'),
        state: field('state'),
        timeoutSeconds: integerOf(field('timeout') ?? ''),
        nowayout: booleanOf(field('nowayout') ?? ''),
        module: driverModule(root, `${folder}/${name}/device`),
        driver: valueOf(readLinkName(root, `${folder}/${name}/device/driver`)),
        modules: modulesOfDevice(root, `${folder}/${name}/device`) ?? [],
        leastSeconds: limit('min_timeout'),
        mostSeconds: limit('max_timeout'),
        isHeldByInit: holdsWatchdog(root, 1, name),
        isKeptOnReboot: keepsOnReboot(root),
      };
    }),
  );
}

/** -1, which is the default, leaves it to the drivers, and they stop (drivers/watchdog/watchdog_core.c). */
function keepsOnReboot(root: string): boolean | undefined {
  const value = integerOf(valueOf(readText(root, '/sys/module/watchdog/parameters/stop_on_reboot')) ?? '');
  return value === undefined ? undefined : value === 0;
}

export function readHasTpm(root: string): Reading<boolean> {
  const reading = readNames(root, '/sys/class/tpm');
  if (reading.state === 'absent') return { state: 'read', value: false, source: reading.source };
  return mapReading(reading, (names) => names.length > 0);
}

export function readBlockDevices(root: string): Reading<ReadonlySet<string>> {
  return mapReading(readNames(root, '/sys/class/block'), (names) => new Set(names));
}

const DISK_NAME_FOLDERS = {
  UUID: 'by-uuid',
  PARTUUID: 'by-partuuid',
  LABEL: 'by-label',
  PARTLABEL: 'by-partlabel',
} as const;

/** `UUID=...` and so on, as root= names them. udev writes characters it does not allow as `\x20`. */
export function readDiskNames(root: string): Reading<ReadonlySet<string>> {
  return mapReading(readNames(root, '/dev/disk'), () => {
    const found = new Set<string>();
    for (const [key, folder] of Object.entries(DISK_NAME_FOLDERS))
      for (const name of valueOf(readNames(root, `/dev/disk/${folder}`)) ?? [])
        found.add(`${key}=${unescapeDiskName(name)}`);
    return found;
  });
}

function unescapeDiskName(name: string): string {
  // Byte by byte: a label may be UTF-8, and udev escapes some of its bytes and not others.
  const bytes = Buffer.from(name).toString('latin1');
  return Buffer.from(
    bytes.replaceAll(/\\x([0-9a-f]{2})/g, (_all, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    ),
    'latin1',
  ).toString('utf8');
}

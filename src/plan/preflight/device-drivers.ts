/**
 * Graphics, network and storage hardware in use, held against what is known of its drivers.
 * @module
 */
import { type Reading, valueOf } from '../../machine/reading.ts';
import type { Finding } from '../finding.ts';
import { moduleName } from './conditions.ts';
import { DISPLAY_DRIVERS, type KnownDriver, NETWORK_DRIVERS, STORAGE_DRIVERS } from './known-drivers.ts';
import type { PreflightCheck } from './preflight-check.ts';
import { evidenceOf, listed, type ResultWriter, resultsOf } from './result.ts';

interface DriversInUse {
  readonly kind: string;
  readonly names: readonly string[];
  readonly evidence: readonly string[];
}

/** One finding for all of them: the worst severity, every trouble as evidence, the remedies of the worst. */
function judgeDrivers(
  results: ResultWriter,
  inUse: DriversInUse,
  table: Record<string, KnownDriver>,
): readonly Finding[] {
  const names = [...new Set(inUse.names.map(moduleName))];
  const known = names.flatMap((name) => {
    const driver = table[name];
    return driver === undefined ? [] : [{ name, driver }];
  });
  if (known.length === 0)
    return results.pass(`No ${inUse.kind} driver in use is known for trouble.`, inUse.evidence);
  const severe = known.filter(({ driver }) => driver.severity === 'warning');
  const reported = severe.length > 0 ? severe : known;
  const trouble = {
    title: `${inUse.kind[0]?.toUpperCase()}${inUse.kind.slice(1)} driver ${listed(reported.map(({ name }) => name))} may not start well without a reset.`,
    evidence: [...inUse.evidence, ...known.map(({ name, driver }) => `${name}: ${driver.trouble}`)],
    remedy: [...new Set(reported.map(({ driver }) => driver.remedy))].join(' '),
  };
  return severe.length > 0 ? results.warning(trouble) : results.note(trouble);
}

/** The first reading that is neither there nor absent, so that one sentence can say what is missing. */
function unreadable(...readings: readonly Reading<unknown>[]): readonly string[] {
  return readings.flatMap((reading) => (reading.state === 'unreadable' ? [evidenceOf(reading)] : []));
}

const DISPLAY_CLASS = 0x03;

export const gpuDrivers: PreflightCheck = {
  id: 'gpu-drivers',
  subject: 'graphics drivers in use',
  run({ machine }) {
    const results = resultsOf('gpu-drivers');
    const hidden = unreadable(machine.pciDevices, machine.loadedModules);
    if (hidden.length > 0)
      return results.warning({
        title: 'Which graphics drivers are in use could not be read.',
        evidence: hidden,
        remedy: 'Mount /sys and /proc.',
      });
    const bound = (valueOf(machine.pciDevices) ?? []).flatMap((device) =>
      device.classCode >> 16 === DISPLAY_CLASS && device.driver !== undefined ? [device.driver] : [],
    );
    // A GPU used for computing has the class of a 3D controller or none; its module is loaded all the same.
    const loaded = [...(valueOf(machine.loadedModules) ?? [])].filter((name) => name === 'nvidia');
    return judgeDrivers(
      results,
      {
        kind: 'graphics',
        names: [...bound, ...loaded],
        evidence: [
          evidenceOf(machine.pciDevices, () => `display drivers: ${listed(bound)}`),
          evidenceOf(machine.loadedModules, () =>
            loaded.length > 0 ? 'nvidia is loaded' : 'nvidia is not loaded',
          ),
        ],
      },
      DISPLAY_DRIVERS,
    );
  },
};

export const networkDrivers: PreflightCheck = {
  id: 'network-drivers',
  subject: 'network drivers in use',
  run({ machine }) {
    const results = resultsOf('network-drivers');
    const { networkInterfaces } = machine;
    if (networkInterfaces.state === 'unreadable')
      return results.warning({
        title: 'Which network drivers are in use could not be read.',
        evidence: [evidenceOf(networkInterfaces)],
        remedy: 'Mount /sys.',
      });
    const interfaces = valueOf(networkInterfaces) ?? [];
    const describe = () =>
      listed(interfaces.map(({ name, driver }) => `${name} ${driver ?? 'without driver'}`));
    return judgeDrivers(
      results,
      {
        kind: 'network',
        names: interfaces.flatMap(({ driver }) => driver ?? []),
        evidence: [evidenceOf(networkInterfaces, describe)],
      },
      NETWORK_DRIVERS,
    );
  },
};

const STORAGE_CLASS = 0x01;

export const storageDrivers: PreflightCheck = {
  id: 'storage-drivers',
  subject: 'storage drivers in use, and whether the root is on USB',
  run({ machine }) {
    const results = resultsOf('storage-drivers');
    const hidden = unreadable(machine.pciDevices, machine.rootStorage);
    if (hidden.length > 0)
      return results.warning({
        title: 'Which storage drivers are in use could not be read.',
        evidence: hidden,
        remedy: 'Run khop as root, with /sys mounted.',
      });
    const bound = (valueOf(machine.pciDevices) ?? []).flatMap((device) =>
      device.classCode >> 16 === STORAGE_CLASS && device.driver !== undefined ? [device.driver] : [],
    );
    const storage = valueOf(machine.rootStorage);
    const usb = storage?.devicePaths.find((path) => /\/usb\d+\//.test(path));
    const evidence = [
      evidenceOf(machine.pciDevices, () => `storage drivers: ${listed(bound)}`),
      evidenceOf(machine.rootStorage, ({ drivers }) => listed(drivers)),
    ];
    if (usb !== undefined)
      return results.warning({
        title: 'The root file system is on USB: some host controllers do not come up again without a reset.',
        evidence: [...evidence, `${machine.rootStorage.source}: ${usb}`],
        remedy: 'Try once with a console at hand; rootwait on the new command line helps slow disks.',
      });
    const names = [...bound, ...(storage?.drivers ?? [])];
    return judgeDrivers(results, { kind: 'storage', names, evidence }, STORAGE_DRIVERS);
  },
};

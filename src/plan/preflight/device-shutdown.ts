/**
 * Devices whose drivers take their time between the last process and the jump. drivers/base/core.c,
 * device_shutdown() calls one driver after the other, while nothing else runs any more.
 * @module
 */
import { valueOf } from '../../machine/reading.ts';
import { moduleName } from './conditions.ts';
import { SHUTDOWN_DRIVERS } from './known-drivers.ts';
import type { PreflightCheck } from './preflight-check.ts';
import { evidenceOf, listed, resultsOf } from './result.ts';

/** drivers/nvme/host/core.c, nvme_core.shutdown_timeout; a drive's own RTD3 entry latency may ask for more. */
const NVME_SHUTDOWN_SECONDS = 5;
const NVME_OWN_TIMEOUT = /^nvme (nvme\d+): Shutdown timeout set to (\d+) seconds/;

export const deviceShutdown: PreflightCheck = {
  id: 'device-shutdown',
  subject: 'devices that take their time between the last process and the jump',
  run({ machine, slot, usualDownMs }) {
    if (slot === 'crash') return [];
    const results = resultsOf('device-shutdown');
    const past =
      usualDownMs === undefined
        ? 'khop history: no switch from which to tell how long it takes here'
        : `khop history: the whole way down usually takes ${(usualDownMs / 1000).toFixed(0)} s here`;
    const remedy = 'Allow for it in timeouts; a device that is not needed can be unbound before the switch.';
    if (machine.pciDevices.state === 'unreadable')
      return results.warning({
        title: 'Which devices have work to do before the jump could not be read.',
        evidence: [evidenceOf(machine.pciDevices), past],
        remedy: 'Mount /sys.',
      });
    const counts = countKnown((valueOf(machine.pciDevices) ?? []).flatMap(({ driver }) => driver ?? []));
    if (counts.size === 0)
      return results.pass('No device is known to take its time before the jump.', [
        evidenceOf(machine.pciDevices, (devices) => `${devices.length} functions`),
        past,
      ]);
    const names = [...counts].map(([name, count]) => `${count} ${name}`);
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
    return results.note({
      title: `${total === 1 ? 'One device takes its' : `${total} devices, one after the other, take their`} time between the last process and the jump: ${listed(names)}.`,
      evidence: [
        past,
        ...[...counts].map(([name, count]) => `${count} ${name}: ${SHUTDOWN_DRIVERS[name]}`),
        ...(counts.has('nvme') ? [nvmeLimit(counts.get('nvme')!, valueOf(machine.kernelLog) ?? [])] : []),
      ],
      remedy,
    });
  },
};

/** How many devices each known driver has. */
function countKnown(drivers: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const name of drivers.map(moduleName))
    if (Object.hasOwn(SHUTDOWN_DRIVERS, name)) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

/** What the drives may take at most together, as far as the log of this kernel still says. */
function nvmeLimit(count: number, log: readonly string[]): string {
  const own = new Map(
    log.flatMap((line) => {
      const match = NVME_OWN_TIMEOUT.exec(line);
      return match === null ? [] : [[match[1]!, Number(match[2])] as const];
    }),
  );
  const longer = [...own.values()].reduce((sum, seconds) => sum + seconds, 0);
  const most = longer + Math.max(0, count - own.size) * NVME_SHUTDOWN_SECONDS;
  const who =
    own.size === 0 ? 'none asks for more than 5 s' : listed([...own].map(([name, s]) => `${name} ${s} s`));
  return `/dev/kmsg: the kernel waits at most ${most} s for all NVMe drives together (${who})`;
}

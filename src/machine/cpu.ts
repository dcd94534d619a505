/**
 * The processors: /proc/cpuinfo, /sys/devices/system/cpu and the device tree.
 * @module
 */
import type { CpuFacts } from './facts.ts';
import type { Reading } from './reading.ts';
import { mapReading, readBytes, readNames, readText } from './source.ts';

const TREE_CPUS = '/sys/firmware/devicetree/base/cpus';

export function readCpu(root: string): CpuFacts {
  const cpuinfo = readText(root, '/proc/cpuinfo');
  const flags = mapReading(cpuinfo, (text) => {
    const line = /^(?:flags|Features)\s*:(.*)$/m.exec(text)?.[1];
    return line === undefined ? undefined : new Set(line.trim().split(/\s+/));
  });
  return {
    online: mapReading(readText(root, '/sys/devices/system/cpu/online'), countCpuList),
    possible: mapReading(readText(root, '/sys/devices/system/cpu/possible'), countCpuList),
    flags,
    vendor: readVendor(cpuinfo),
    bootProcessor: mapReading(cpuinfo, (text) => {
      const id = /^initial apicid\s*: (\d+)$/m.exec(text)?.[1];
      return id === undefined ? undefined : Number(id);
    }),
    // The kernel clears the flag when it was told no5lvl, and when it was built without.
    fiveLevelPaging: mapReading(flags, (names) => names.has('la57')),
    enableMethods: readEnableMethods(root),
  };
}

/** Absent on arm64, whose /proc/cpuinfo has numbers (`CPU implementer`) instead. */
function readVendor(cpuinfo: Reading<string>): Reading<string> {
  if (cpuinfo.state !== 'read') return cpuinfo;
  const value = /^vendor_id\s*: (.*)$/m.exec(cpuinfo.value)?.[1];
  const { source } = cpuinfo;
  return value === undefined ? { state: 'absent', source } : { state: 'read', value, source };
}

/** `0-3,5` -> 5. Documentation/admin-guide/cputopology.rst. */
export function countCpuList(text: string): number | undefined {
  let count = 0;
  for (const part of text.split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (match === null) return undefined;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (last < first) return undefined;
    count += last - first + 1;
  }
  return count;
}

/** Absent on machines without a device tree; ACPI machines on arm64 start CPUs by PSCI or parking. */
function readEnableMethods(root: string): Reading<readonly string[]> {
  return mapReading(readNames(root, TREE_CPUS), (names) => {
    const methods = names
      .filter((name) => name.startsWith('cpu@'))
      .map((name) => readBytes(root, `${TREE_CPUS}/${name}/enable-method`))
      .filter((reading) => reading.state === 'read')
      .map((reading) => Buffer.from(reading.value).toString('latin1').replace(/\0.*$/s, ''));
    return [...new Set(methods)];
  });
}

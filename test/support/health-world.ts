/**
 * Worlds for the checks of a trial: a healthy machine, and whatever a test changes of it.
 * @module
 */
import { listCheckScripts, runCheckScript } from '../../src/machine/check-scripts.ts';
import type { KernelLogRecord } from '../../src/machine/kernel-log.ts';
import type { InterfaceState } from '../../src/machine/network-state.ts';
import type { Reading } from '../../src/machine/reading.ts';
import type { UnitCalls, UnitState } from '../../src/machine/units.ts';
import { rememberRestarts } from '../../src/trial/health/remembered-restarts.ts';
import type { HealthSettings } from '../../src/trial/health/settings.ts';
import type { HealthWorld } from '../../src/trial/health/world.ts';
import { read } from './machine-facts.ts';

export const GIBIBYTE = 2 ** 30;

export const SETTINGS: HealthSettings = {
  requiredUnits: [],
  requiredSockets: [],
  ignore: [],
  ignoredWarnings: [],
  ignoredUnits: [],
  scriptFolder: '/nowhere/checks',
  scriptSeconds: 30,
  trial: { id: '0123456789abcdef', fromRelease: '6.1.0-50-amd64', toRelease: '6.12.0-1-amd64' },
};

export const ETH0: InterfaceState = {
  name: 'eth0',
  macAddress: '52:54:00:12:34:56',
  driver: 'virtio_net',
  isUp: true,
  families: ['ipv4', 'ipv6'],
};

/** Two disks with ids, and one that only its model and size tell. */
export const DISKS = [
  { name: 'sda', ids: ['naa.5000c500a1b2c3d4'], model: 'ST4000', bytes: 4e12 },
  { name: 'nvme0n1', ids: ['eui.0025385b71b0e1f2', 'S4EWNX0'], model: 'Samsung', bytes: 1e12 },
  { name: 'vda', ids: [], model: null, bytes: 2e10 },
] as const;

export const MOUNTS = [
  { mountPoint: '/', fileSystem: 'ext4', identity: 'UUID=1111', isWritable: true, hasFailed: false },
  { mountPoint: '/srv', fileSystem: 'xfs', identity: 'UUID=2222', isWritable: true, hasFailed: false },
] as const;

export const SSH = {
  address: '0.0.0.0',
  port: 22,
  controlGroup: '/system.slice/ssh.service',
  holder: 'sshd',
};

export function unit(name: string, active = 'active', sub = 'running', load = 'loaded'): UnitState {
  return { name, active, sub, load };
}

export const UNITS = [
  unit('ssh.service'),
  unit('old.service', 'failed', 'failed'),
  unit('default.target', 'active', 'active'),
];

/** systemd as it answers; units that are asked for and not given do not exist. */
export function systemd(state: string, units: readonly UnitState[] = UNITS): UnitCalls {
  const find = (name: string) => units.find((each) => each.name === name);
  return {
    systemState: async () => read(state),
    list: async () => read(units),
    show: async (names) =>
      read(names.map((name) => find(name) ?? unit(name, 'inactive', 'dead', 'not-found'))),
    isSoftReboot: async () => false,
  };
}

/** Every answer is `reading`. */
export function silentSystemd(reading: Reading<never>): UnitCalls {
  const answer = async () => reading;
  return {
    systemState: answer,
    list: answer,
    show: answer,
    isSoftReboot: async () => false,
  };
}

/** A kernel log with these lines. @param first sequence number of the first one */
export function kernelLog(lines: readonly string[], first = 0): Reading<readonly KernelLogRecord[]> {
  return read(
    lines.map((text, index) => ({ sequence: first + index, level: 4, microseconds: index * 1000, text })),
  );
}

/** Somebody answers on every port, and scripts are really run. */
export function healthWorld(over: Partial<HealthWorld> = {}): HealthWorld {
  return {
    signal: new AbortController().signal,
    uptimeMs: () => 120_000,
    readCpus: () => read(4),
    readMemory: () => read(8 * GIBIBYTE),
    readDisks: () => read(DISKS),
    readMounts: () => read(MOUNTS),
    readTaint: () => read(0),
    readKernelLog: () => kernelLog(['Linux version 6.1', 'Run /init as init process']),
    readInterfaces: () => read([ETH0]),
    readDefaultRoutes: () => read([{ family: 'ipv4', interfaceName: 'eth0' }]),
    readSockets: () => read([SSH]),
    readEphemeralPorts: () => read([32_768, 60_999] as const),
    units: systemd('running'),
    startedAgain: rememberRestarts(),
    connect: async () => undefined,
    listScripts: listCheckScripts,
    runScript: runCheckScript,
    ...over,
  };
}

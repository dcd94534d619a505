/**
 * The world of a trial's checks on this machine.
 * @module
 */
import { listCheckScripts, runCheckScript } from '../machine/check-scripts.ts';
import { readConfiguredMounts } from '../machine/configured-mounts.ts';
import { readCpu } from '../machine/cpu.ts';
import { readDisks } from '../machine/disks.ts';
import { readKernelLog } from '../machine/kernel-log.ts';
import { readEphemeralPorts, readListeningSockets } from '../machine/listening-sockets.ts';
import { readDefaultRoutes, readInterfaces } from '../machine/network-state.ts';
import { readOnlineMemory } from '../machine/online-memory.ts';
import { readTaint } from '../machine/system.ts';
import { tryTcpConnect } from '../machine/tcp-connect.ts';
import { unitCalls } from '../machine/units.ts';
import { readUptimeMs } from '../machine/uptime.ts';
import { rememberRestarts } from '../trial/health/remembered-restarts.ts';
import type { HealthWorld } from '../trial/health/world.ts';
import type { CliContext } from './context.ts';

const CONNECT_TIMEOUT_MS = 2_000;

/** @param root `/`, or a tree of files; addresses, systemd, ports, scripts and the kernel log are always of this machine */
export function healthCalls({ signal }: Pick<CliContext, 'signal'>, root: string): HealthWorld {
  return {
    signal,
    uptimeMs: () => readUptimeMs(root),
    readCpus: () => readCpu(root).online,
    readMemory: () => readOnlineMemory(root),
    readDisks: () => readDisks(root),
    readMounts: () => readConfiguredMounts(root),
    readTaint: () => readTaint(root),
    readKernelLog: () => readKernelLog(),
    readInterfaces: () => readInterfaces(root),
    readDefaultRoutes: () => readDefaultRoutes(root),
    readSockets: () => readListeningSockets(root),
    readEphemeralPorts: () => readEphemeralPorts(root),
    units: unitCalls(root, signal),
    startedAgain: rememberRestarts(),
    connect: (host, port) => tryTcpConnect(host, port, CONNECT_TIMEOUT_MS, signal),
    listScripts: listCheckScripts,
    runScript: runCheckScript,
  };
}

/**
 * What the machine was like before the jump: the field `trial.baseline` of the ticket. It holds what has to be there
 * again under the new kernel, and leaves out what differs between two starts of the same one.
 * @module
 */
import * as v from 'valibot';
import type { Reading } from '../../machine/reading.ts';
import { mapReading } from '../../machine/source.ts';
import { complaintsOf } from './kernel-complaints.ts';
import { lastingSockets, whyNoAnswer } from './lasting-sockets.ts';
import { isRestless } from './remembered-restarts.ts';
import type { HealthWorld } from './world.ts';

export const BASELINE_VERSION = 2;

/** As a Reading, but for a file: a check has to tell "was not there" from "could not be looked at". */
export type Recorded<T> =
  | { readonly state: 'known'; readonly value: T }
  | { readonly state: 'absent' }
  | { readonly state: 'unknown'; readonly reason: string };

const list = <S extends v.GenericSchema>(schema: S) => v.pipe(v.array(schema), v.readonly());

const recorded = <S extends v.GenericSchema>(value: S) =>
  v.variant('state', [
    v.object({ state: v.literal('known'), value }),
    v.object({ state: v.literal('absent') }),
    v.object({ state: v.literal('unknown'), reason: v.string() }),
  ]);

const Family = v.picklist(['ipv4', 'ipv6']);

const DiskSchema = v.object({
  name: v.string(),
  ids: list(v.string()),
  model: v.nullable(v.string()),
  bytes: v.number(),
});

const MountSchema = v.object({
  mountPoint: v.string(),
  fileSystem: v.string(),
  identity: v.nullable(v.string()),
  isWritable: v.boolean(),
});

const InterfaceSchema = v.object({
  name: v.string(),
  macAddress: v.nullable(v.string()),
  driver: v.nullable(v.string()),
  isUp: v.boolean(),
  families: list(Family),
});

/** The schema, and the type of what it accepts. */
export const Baseline = v.object({
  version: v.literal(BASELINE_VERSION),
  cpus: recorded(v.number()),
  /** Bytes that were online. */
  memory: recorded(v.number()),
  disks: recorded(list(DiskSchema)),
  mounts: recorded(list(MountSchema)),
  taint: recorded(v.number()),
  complaints: recorded(v.object({ counts: v.record(v.string(), v.number()), isWhole: v.boolean() })),
  interfaces: recorded(list(InterfaceSchema)),
  defaultRoutes: recorded(list(v.object({ family: Family, interfaceName: v.string() }))),
  /** `answers`: a connection was accepted; a firewall may not allow that even from here. */
  sockets: recorded(list(v.object({ address: v.string(), port: v.number(), answers: v.boolean() }))),
  /** Units of all types. */
  failedUnits: recorded(list(v.string())),
  activeServices: recorded(list(v.string())),
  /** Those of them that systemd had started again a short while before. */
  restlessServices: recorded(list(v.string())),
});

export type Baseline = v.InferOutput<typeof Baseline>;

/** Reads everything once; what cannot be read is recorded as unknown, with the reason. */
export async function takeBaseline(world: HealthWorld): Promise<Baseline> {
  const units = await world.units.list();
  const sockets = await readAnsweringSockets(world);
  const named = (wanted: (name: string, active: string) => boolean) =>
    mapReading(units, (all) => all.filter((each) => wanted(each.name, each.active)).map(({ name }) => name));
  const activeServices = named(
    (name, active) => active === 'active' && name.endsWith('.service') && isLastingUnit(name),
  );
  return {
    version: BASELINE_VERSION,
    cpus: record(world.readCpus()),
    memory: record(world.readMemory()),
    disks: record(world.readDisks()),
    mounts: record(
      mapReading(world.readMounts(), (mounts) => mounts.map(({ hasFailed: _, ...mount }) => mount)),
    ),
    taint: record(world.readTaint()),
    complaints: record(mapReading(world.readKernelLog(), complaintsOf)),
    interfaces: record(world.readInterfaces()),
    defaultRoutes: record(world.readDefaultRoutes()),
    sockets: record(sockets),
    failedUnits: record(named((_name, active) => active === 'failed')),
    activeServices: record(activeServices),
    restlessServices: record(await readRestless(world, activeServices)),
  };
}

async function readRestless(
  { units, uptimeMs }: HealthWorld,
  services: Reading<readonly string[]>,
): Promise<Reading<readonly string[]>> {
  if (services.state !== 'read' || services.value.length === 0) return services;
  return mapReading(await units.show(services.value), (shown) =>
    shown.filter((unit) => isRestless(unit, uptimeMs())).map(({ name }) => name),
  );
}

async function readAnsweringSockets(
  world: HealthWorld,
): Promise<Reading<readonly { address: string; port: number; answers: boolean }[]>> {
  const sockets = world.readSockets();
  if (sockets.state !== 'read') return sockets;
  const lasting = lastingSockets(sockets.value, world.readEphemeralPorts());
  const value = await Promise.all(
    lasting.map(async (each) => ({ ...each, answers: (await whyNoAnswer(world, each)) === undefined })),
  );
  world.signal.throwIfAborted();
  return { ...sockets, value };
}

/** Not of a session of a person, and not made for one occasion. */
export function isLastingUnit(name: string): boolean {
  return !/^(?:user@|user-runtime-dir@|session-|run-.*\.(?:service|scope|timer)$)/.test(name);
}

function record<T>(reading: Reading<T>): Recorded<T> {
  if (reading.state === 'read') return { state: 'known', value: reading.value };
  if (reading.state === 'absent') return { state: 'absent' };
  return { state: 'unknown', reason: `${reading.source}: ${reading.reason}` };
}

/**
 * From where reports are to go to what the panic kernel is given to get there.
 * @module
 */
import { KhopError } from '../error.ts';
import { RAW_REPORT } from '../formats/raw-report.ts';
import type { RawAreaState } from '../machine/raw-area.ts';
import { obstacleOf, type Reading } from '../machine/reading.ts';
import type { ReportPlace } from '../machine/report-place.ts';
import type { CaptureTarget } from '../plan/capture/capture-target.ts';
import { crashesFolder } from './crashes-folder.ts';
import { CURL_MEMORY_BYTES, planCurlProgram } from './curl-plan.ts';
import type { GuardSettings } from './guard-settings.ts';
import { hostHeader, printReportTarget, type ReportTarget } from './report-target.ts';
import { planSshProgram, SSH_MEMORY_BYTES } from './ssh-plan.ts';
import type { GuardWorld } from './world.ts';

/** A place that the panic kernel can reach, or why there is none. */
export type TargetPlan =
  | {
      readonly state: 'planned';
      readonly target: CaptureTarget;
      /** For people: a device, or an address. */
      readonly where: string;
      /** Modules that it takes, by name. */
      readonly modules: readonly string[];
      /** A label that is written when the guard is armed. */
      readonly label: { readonly device: string; readonly id: Uint8Array } | undefined;
      /** A program that is brought along for it: what it was made of, and memory that it takes besides, bytes. */
      readonly brought?: { readonly inputs: readonly string[]; readonly workingBytes: number };
    }
  | { readonly state: 'nowhere'; readonly reason: string };

/** Of the deadline, how much may pass until the report is there. */
const TARGET_SHARE = 0.5;

/**
 * Changes nothing. The usual folder may be out of reach, and then there is no report; what a person has named may not.
 * @throws E_NOT_FOUND, E_REFUSED, E_UNREADABLE for a place that was named
 */
export async function planTarget(world: GuardWorld, settings: GuardSettings): Promise<TargetPlan> {
  const deadlineMs = settings.deadlineSeconds * 1000 * TARGET_SHARE;
  const { to } = settings;
  switch (to.kind) {
    case 'folder':
      return planFolder(world.readReportPlace(crashesFolder(world.folders)), deadlineMs);
    case 'file-system': {
      const mountPoint = required(world.findMount(to.uuid), to);
      const plan = planFolder(world.readReportPlace(`${mountPoint}${to.folder}`), deadlineMs);
      if (plan.state === 'planned') return plan;
      throw outOfReach(to, plan.reason);
    }
    case 'raw':
      return planRaw(world, to, deadlineMs);
    case 'http':
    case 'https':
    case 'ssh':
      return await planNetwork(world, to, deadlineMs);
  }
}

/** Another machine, by the address that it has now. */
async function planNetwork(
  world: GuardWorld,
  to: Extract<ReportTarget, { kind: 'http' | 'https' | 'ssh' }>,
  deadlineMs: number,
): Promise<TargetPlan> {
  const address = await world.resolveHost(to.host);
  const { interfaceName, modules, ...network } = required(world.readNetworkPath(address), to);
  const common = {
    state: 'planned',
    where: `${printReportTarget(to)}, through ${interfaceName}`,
    modules,
    label: undefined,
  } as const;
  switch (to.kind) {
    case 'http': {
      const { port, path } = to;
      const target = {
        kind: 'http',
        address,
        port,
        host: hostHeader(to),
        path,
        network,
        deadlineMs,
      } as const;
      return { ...common, target };
    }
    case 'https': {
      const { program, url, inputs } = planCurlProgram(world, to, address);
      const target = { kind: 'https', program, url, network, deadlineMs } as const;
      return { ...common, target, brought: { inputs, workingBytes: CURL_MEMORY_BYTES } };
    }
    case 'ssh': {
      const { program, inputs } = planSshProgram(world, to, address);
      const target = { kind: 'ssh', program, network, deadlineMs } as const;
      return { ...common, target, brought: { inputs, workingBytes: SSH_MEMORY_BYTES } };
    }
  }
}

/**
 * The same, when nobody is there to choose another place: at boot the network may not be up yet, and a way home without
 * a report is better than none.
 */
export async function planTargetOrNone(world: GuardWorld, settings: GuardSettings): Promise<TargetPlan> {
  try {
    return await planTarget(world, settings);
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return { state: 'nowhere', reason: error.message };
  }
}

function planFolder(place: Reading<ReportPlace>, deadlineMs: number): TargetPlan {
  if (place.state !== 'read') return { state: 'nowhere', reason: obstacleOf(place) };
  const { fileSystem, options, identity, folder, device, modules } = place.value;
  return {
    state: 'planned',
    target: { kind: 'file-system', fileSystem, options, identity, folder, deadlineMs },
    where: device,
    modules: [...modules, fileSystem],
    label: undefined,
  };
}

function planRaw(
  world: GuardWorld,
  to: Extract<ReportTarget, { kind: 'raw' }>,
  deadlineMs: number,
): TargetPlan {
  const device = required(world.rawAreas.find(to.partition), to);
  const area: RawAreaState = world.rawAreas.read(device);
  if (area.state === 'foreign')
    throw new KhopError('E_REFUSED', `${device} holds something that is not khop’s`, {
      hint: `If it can go: dd if=/dev/zero of=${device} bs=1M count=1`,
    });
  const id = area.state === 'ours' ? area.id : world.entropy(RAW_REPORT.idSize);
  return {
    state: 'planned',
    target: { kind: 'raw', id, deadlineMs },
    where: device,
    modules: required(world.rawAreas.modules(device), to),
    label: area.state === 'ours' ? undefined : { device, id },
  };
}

function required<T>(reading: Reading<T>, to: ReportTarget): T {
  if (reading.state === 'read') return reading.value;
  throw outOfReach(to, obstacleOf(reading));
}

function outOfReach(to: ReportTarget, reason: string): KhopError {
  return new KhopError(
    'E_NOT_FOUND',
    `${printReportTarget(to)} cannot be reached by the panic kernel: ${reason}`,
    {
      hint: 'Mount it, or name another place with --to.',
    },
  );
}

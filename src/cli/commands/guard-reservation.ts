/**
 * `khop guard on` where memory has to be reserved first.
 * @module
 */
import { KhopError } from '../../error.ts';
import { reservedBytes } from '../../guard/capture-kernel.ts';
import type { GuardSettings } from '../../guard/guard-settings.ts';
import { encodeGuardSettings, guardSettingsPath } from '../../guard/guard-settings.ts';
import {
  makePermanent,
  planReservation,
  type ReservationPlan,
  switchToReserve,
} from '../../guard/reservation.ts';
import type { GuardWorld } from '../../guard/world.ts';
import { agreeTo } from '../agreement.ts';
import type { CliContext } from '../context.ts';
import type { ReservationMoment } from '../render/reservation.ts';
import type { OnOptions } from './guard.ts';

/** Says what is needed, asks, tells the boot loader, and switches or leaves that to the next start. */
export async function reserveMemory(
  context: CliContext,
  world: GuardWorld,
  settings: GuardSettings,
  options: OnOptions,
): Promise<void> {
  const reservation = await planReservation(world, settings, parseMemory(options.memory ?? 'auto'));
  const { renderReservation } = await import('../render/reservation.ts');
  const moment = momentOf(world, reservation, options);
  if (options.json && options.dryRun) {
    const { renderJson } = await import('../render/json.ts');
    context.print(renderJson({ dryRun: true, ...reservation, willSwitch: moment === 'switch' }));
    return;
  }
  context.remark(renderReservation(reservation, moment));
  if (options.dryRun) return;
  const question = options.switch ? 'Do that, and switch now?' : 'Do that?';
  await agreeTo(context, options, question, 'memory has to be reserved first');
  const wanted = await makePermanent(world, reservation, settings);
  if (!options.switch) {
    world.files.write(guardSettingsPath(world.folders), encodeGuardSettings(wanted));
    context.print('The memory is there after the next start, and the guard is armed then. Next: reboot');
    return;
  }
  await switchToReserve(world, wanted, reservation);
  context.print(
    'This system goes down now; the same kernel comes up with memory reserved, and arms the guard.',
  );
}

function momentOf(world: GuardWorld, { mib }: ReservationPlan, options: OnOptions): ReservationMoment {
  if (options.memory === undefined && reservedBytes(world.readMachine()) >= mib << 20n) return 'there';
  return options.switch ? 'switch' : 'later';
}

/** @throws E_USAGE */
function parseMemory(text: string): bigint | undefined {
  if (text === 'auto') return undefined;
  const mib = /^(\d{2,5})M$/.exec(text)?.[1];
  if (mib !== undefined) return BigInt(mib);
  throw new KhopError('E_USAGE', `--memory takes auto or MiB such as 160M, not "${text}"`, {
    hint: 'khop guard on --dry-run says how much is needed.',
  });
}

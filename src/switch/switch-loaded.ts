/**
 * Jumping to what was loaded before.
 * @module
 */
import { KhopError } from '../error.ts';
import { valueOf } from '../machine/reading.ts';
import { tokensOn } from './arrive.ts';
import { readLoadedRecord } from './load.ts';
import type { LoadedRecord } from './loaded-record.ts';
import { leaveFor, newSwitchId, type ShutdownWay } from './switch-kernel.ts';
import type { SwitchWorld } from './world.ts';

/** @throws E_USAGE unless exactly one of a kernel and `--loaded` was given; for a dry run of a jump to what is loaded */
export function requireOne(selector: string | undefined, isLoaded: boolean, isDryRun = false): void {
  if (isLoaded && isDryRun)
    throw new KhopError('E_USAGE', '--dry-run has nothing to try with --loaded', {
      hint: 'See what is loaded: khop status',
    });
  if ((selector !== undefined) !== isLoaded) return;
  throw new KhopError('E_USAGE', isLoaded ? 'both a kernel and --loaded were given' : 'no kernel was given', {
    hint: 'Give a kernel (`khop list` shows them), or --loaded for what is loaded already.',
  });
}

/**
 * @param agree asked with the title of what is loaded; throws to refuse
 * @throws E_STATE when nothing is loaded, or khop does not know what
 */
export async function jumpToLoaded(
  world: SwitchWorld,
  way: ShutdownWay,
  agree: (title: string) => Promise<void>,
): Promise<LoadedRecord> {
  const machine = world.readMachine();
  if (valueOf(machine.kexec.loaded) !== true)
    throw new KhopError('E_STATE', 'nothing is loaded', { hint: 'Load a kernel first: khop load KERNEL' });
  const record = readLoadedRecord(world, 'normal', valueOf(machine.bootId));
  if (record === undefined)
    throw new KhopError('E_STATE', 'the loaded image is not one that khop loaded in this boot', {
      hint: 'Load it with `khop load`, or jump with the tool that loaded it.',
    });
  await agree(record.title);
  // The token is on the command line since `khop load`; what was loaded by `kexec` has none, see arrive.ts.
  const id = tokensOn(record.commandLine).at(-1) ?? newSwitchId(world);
  await leaveFor(world, machine, record, { id, way, requestedAtMs: world.nowMs() });
  return record;
}

/**
 * What may stand beside `khop switch --loaded`.
 * @module
 */
import { KhopError } from '../../error.ts';
import type { SwitchOptions } from './switch.ts';

/** What says how to go, or agrees to it; everything else is about a kernel that is not loaded yet, and was not checked. */
const BESIDE_LOADED: ReadonlySet<string> = new Set<keyof SwitchOptions>(['loaded', 'now', 'yes', 'json']);

/**
 * That an option has no effect must not come out on the other side.
 * @throws E_USAGE
 */
export function refuseBesideLoaded({ trial, ...options }: SwitchOptions): void {
  const [name] = Object.keys(options).filter((key) => !BESIDE_LOADED.has(key));
  const refused = trial === true ? 'trial' : name;
  if (refused === undefined) return;
  const option = refused.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new KhopError('E_USAGE', `--${option} has no effect on what is loaded already`, {
    hint: 'Give it when the kernel is loaded, or name the kernel instead of --loaded.',
  });
}

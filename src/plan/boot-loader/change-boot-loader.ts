/**
 * Changing what the boot loader starts: the parameters of every kernel, and which one starts by itself. A plan
 * is data; machine/boot-loader/ carries it out.
 * @module
 */
import { KhopError } from '../../error.ts';
import type { BootLoaderState } from '../../kernels/boot-loader-state.ts';
import type { Kernel } from '../../kernels/kernel.ts';
import type { BootLoaderPlan, PermanentParameter } from './boot-loader-plan.ts';
import { extlinuxDefault, extlinuxDefaultEntry, extlinuxParameters } from './extlinux.ts';
import { grubDefault, grubDefaultEntry, grubOneShotEntry, grubParameters } from './grub.ts';
import { systemdBootDefault, systemdBootDefaultEntry, systemdBootParameters } from './systemd-boot.ts';
import { uBootDefault, uBootParameters } from './u-boot.ts';

/** What a board's boot script reads; nobody but its maker knows. */
export interface BootLoaderOptions {
  /** The variable of U-Boot's environment that names the entry to start. */
  readonly uBootVariable?: string | undefined;
}

/**
 * Every kernel that the boot loader starts gets these parameters, those that are installed later, too. Taking one away
 * takes GRUB's only where khop has set it, elsewhere whoever set it, so the caller has to know that it was khop.
 * @throws E_UNSUPPORTED when this loader's parameters cannot be changed; E_USAGE for what no loader can carry
 */
export function planPermanentParameters(
  state: BootLoaderState,
  parameters: readonly PermanentParameter[],
): BootLoaderPlan {
  for (const { name, value } of parameters)
    if (!/^[A-Za-z][\w.-]*$/.test(name) || /[\s"'\\$`]/.test(value ?? ''))
      throw new KhopError('E_USAGE', `${name}=${value} cannot be made permanent: it has quotes or spaces`, {
        hint: 'Set it by hand, with the quotes that this boot loader wants.',
      });
  switch (state.kind) {
    case 'grub':
      return grubParameters(state, parameters);
    case 'systemd-boot':
      return systemdBootParameters(state, parameters);
    case 'extlinux':
      return extlinuxParameters(state, parameters);
    case 'u-boot':
      return uBootParameters(state, parameters);
  }
}

/**
 * `kernel` starts by itself from the next start on.
 * @throws E_UNSUPPORTED when the boot loader does not know this kernel, or has no such setting
 */
export function planDefaultEntry(
  state: BootLoaderState,
  kernel: Kernel,
  options: BootLoaderOptions = {},
): BootLoaderPlan {
  const entry = bootLoaderEntry(state, kernel);
  switch (state.kind) {
    case 'grub':
      return grubDefault(state, entry);
    case 'systemd-boot':
      return systemdBootDefault(state, entry);
    case 'extlinux':
      return extlinuxDefault(state, entry);
    case 'u-boot':
      return uBootDefault(state, entry, options.uBootVariable);
  }
}

/** What the loader's state names as its default, in the loader's own words; undefined: it does not say. */
export function defaultEntryOf(state: BootLoaderState, options: BootLoaderOptions = {}): string | undefined {
  switch (state.kind) {
    case 'grub':
      return grubDefaultEntry(state);
    case 'systemd-boot':
      return systemdBootDefaultEntry(state);
    case 'extlinux':
      return extlinuxDefaultEntry(state);
    case 'u-boot':
      return options.uBootVariable === undefined ? undefined : state.variables.get(options.uBootVariable);
  }
}

/** Whether an entry is set for the next start alone: what starts then says nothing of the starts after it. */
export function hasOneShotEntry(state: BootLoaderState): boolean {
  switch (state.kind) {
    case 'grub':
      return grubOneShotEntry(state) !== undefined;
    case 'systemd-boot':
      return (state.entryOneShot || undefined) !== undefined;
    case 'extlinux':
    case 'u-boot':
      return false;
  }
}

/** How the loader itself names `kernel`. @throws E_UNSUPPORTED */
function bootLoaderEntry({ kind }: BootLoaderState, kernel: Kernel): string {
  const { origin } = kernel;
  if (kind === 'grub' && origin.kind === 'grub') return origin.menuPath;
  // blscfg names an entry by its file, without the suffix.
  if (kind === 'grub' && origin.kind === 'bls') return origin.entry.replace(/\.conf$/i, '');
  if (kind === 'systemd-boot' && (origin.kind === 'bls' || origin.kind === 'uki')) return origin.entry;
  if (kind === 'extlinux' && origin.kind === 'extlinux') return origin.entry;
  if (kind === 'u-boot') return kernel.image;
  throw new KhopError('E_UNSUPPORTED', `${kernel.id} is no entry of this machine's ${kind}`, {
    hint: 'Install its package, so that the boot loader gets an entry for it.',
  });
}

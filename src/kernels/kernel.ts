/**
 * A kernel this machine could be switched to, whatever described it.
 * @module
 */

/** What described the kernel. */
export type KernelOrigin =
  | { readonly kind: 'bls'; readonly entry: string }
  | { readonly kind: 'uki'; readonly entry: string }
  | {
      readonly kind: 'grub';
      readonly config: string;
      readonly entry: string;
      /** What GRUB's `default` has to be for it: the ids of the submenus around it, and its own. */
      readonly menuPath: string;
    }
  | { readonly kind: 'extlinux'; readonly config: string; readonly entry: string }
  | { readonly kind: 'boot-pair' }
  | { readonly kind: 'file' }
  | { readonly kind: 'deb'; readonly package: string }
  | { readonly kind: 'build-tree'; readonly tree: string };

/** One kernel: everything that is needed to start it, and nothing loaded yet. */
export interface Kernel {
  /** What a person types to mean this one: unique in a catalogue, stable while the entry stays the same. */
  readonly id: string;
  readonly title: string;
  /** What `uname -r` will say, where it could be found out. */
  readonly release: string | undefined;
  /** Absolute path of the image, below `--root` where one was given. */
  readonly image: string;
  /** In the order in which they are to be unpacked. A UKI's own initrd is not listed. */
  readonly initrds: readonly string[];
  /** Whole. For a UKI: the one inside, followed by those of its addons. */
  readonly commandLine: string;
  readonly deviceTree: string | undefined;
  /** The folder of its modules, e.g. /lib/modules/6.12.9-amd64; undefined when there is none. */
  readonly modules: string | undefined;
  /** Its build configuration (/boot/config-RELEASE, or a build tree's .config), where there is one. */
  readonly config: string | undefined;
  readonly origin: KernelOrigin;
  /** Other entries that mean the same image, initrds and command line. */
  readonly aliases: readonly string[];
  /** Same release as the running kernel, and of several such entries the one with its command line. */
  readonly isRunning: boolean;
  /** The boot loader's default. */
  readonly isDefault: boolean;
  readonly isNewest: boolean;
  /** Why it cannot be used, e.g. `initrd /boot/initrd.img-6.1 does not exist`; empty when it can. */
  readonly problems: readonly string[];
}

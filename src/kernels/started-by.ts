/**
 * Which boot loader started this system, as far as the system itself can say. Files of several loaders can lie around.
 * @module
 */

/** What khop tells a kernel that it starts; a panic kernel is one, too. */
const STARTED_BY_KHOP = /(?:^|\s)khop\.(?:switch|added|guard|home|cause|trial|continue)=/;

/** @param loaderInfo EFI variable LoaderInfo */
export function isSystemdBoot(loaderInfo: string | undefined): boolean {
  return /^systemd-boot\b/.test(loaderInfo ?? '');
}

/**
 * GRUB always adds BOOT_IMAGE=; a boot manager never does. Neither does khop, whatever has started the kernel before.
 * @param commandLine the running one
 * @returns undefined when it says nothing of that
 */
export function wasStartedByGrub(commandLine: string): boolean | undefined {
  if (/(?:^|\s)BOOT_IMAGE=/.test(commandLine)) return true;
  return STARTED_BY_KHOP.test(commandLine) ? undefined : false;
}

/**
 * Modules that an initramfs names itself: in its lists and its scripts. Names that are no
 * modules do no harm; whoever asks knows which modules there are.
 * @module
 */
import type { CpioEntry } from '../../formats/cpio.ts';
import { DROPPED_TO_CONTINUE } from '../capture/continue-parameters.ts';
import { kernelArguments } from '../command-line.ts';
import { modulePlaceOf, textOf } from './module-folder.ts';

/** A name, and the file that has it. */
export interface NamedModule {
  readonly name: string;
  readonly by: string;
}

/** One module a line, options behind it: initramfs-tools(7), modules; modules-load.d(5). */
const LISTS = /^(?:conf\/modules|etc\/modules|(?:etc|run|(?:usr\/)?lib)\/modules-load\.d\/[^/]+\.conf)$/;
/** dracut.cmdline(7), `rd.driver.pre=`: --force-drivers writes it there. */
const ARGUMENTS = /^etc\/cmdline(?:\.d\/[^/]+)?$/;
/** `kmod load` in a rule is for a device that is there, whose modules are loaded now. */
const UDEV_RULES = /(?:^|\/)udev\/rules\.d\//;
/** mkinitcpio leaves its MODULES and hooks as variables of a shell. */
const MKINITCPIO = 'config';
const TEXT_LIMIT = 256 * 1024;

/** Every name in `entries`, each as often as it is there. */
export function namedModules(entries: readonly CpioEntry[]): NamedModule[] {
  return entries.flatMap((entry) => namesIn(entry).map((name) => ({ name, by: entry.name })));
}

function namesIn({ name, bytes }: CpioEntry): string[] {
  if (bytes.length === 0 || bytes.length > TEXT_LIMIT || modulePlaceOf(name) !== undefined) return [];
  if (UDEV_RULES.test(name)) return [];
  if (LISTS.test(name)) return firstWords(textOf(bytes));
  if (ARGUMENTS.test(name)) return argumentModules(textOf(bytes).replaceAll('\n', ' '));
  if (name === MKINITCPIO)
    return [...textOf(bytes).matchAll(/^MODULES=(.*)$/gm)].flatMap(([, list]) => words(list!));
  // ELF files are the bulk, and name nothing that way.
  return bytes[0] === 0x7f ? [] : loadedByScript(textOf(bytes));
}

function firstWords(text: string): string[] {
  return text
    .split('\n')
    .map((line) => /^\s*([^\s#;]+)/.exec(line)?.[1])
    .filter((name) => name !== undefined);
}

function words(text: string): string[] {
  return text.match(/[\w.-]+/g) ?? [];
}

/** Scripts call modprobe or insmod, units want `modprobe@NAME.service`. */
function loadedByScript(text: string): string[] {
  if (!/modprobe|insmod/.test(text)) return [];
  const lines = text.split('\n').filter((line) => /modprobe|insmod/.test(line));
  return lines.flatMap(words);
}

const LISTS_OF_MODULES = new Set(['modules_load', 'rd.modules_load', 'rd.driver.pre', 'rd.driver.post']);

/**
 * Parameters of the kernel itself, of systemd, of boot loaders, of khop and of what an initramfs runs, up to their first
 * dot. None is a module's name: what is prepared for a kernel is there for it too when somebody adds `debug`.
 * Documentation/admin-guide/kernel-parameters.txt, kernel-command-line(7), initramfs-tools(7), dracut.cmdline(7).
 */
const NO_MODULES: ReadonlySet<string> = new Set([
  ...`root rootflags rootdelay rootwait ro rw init rdinit noresume boot ip nfsroot rd systemd fsck udev net
    BOOT_IMAGE initrd khop debug quiet splash nosplash loglevel ignore_loglevel printk console earlycon
    earlyprintk consoleblank vt nomodeset single emergency rescue biosdevname oops softlockup_panic
    hung_task_panic nmi_watchdog nowatchdog mitigations nokaslr lockdown lsm apparmor selinux security audit
    ima_appraise iommu intel_iommu amd_iommu nosmt swapaccount cgroup_enable cgroup_disable clocksource tsc lpj
    rcupdate initcall_debug initcall_blacklist no_timer_check`.split(/\s+/),
  // What a panic kernel is told otherwise than the running one: one entry serves both.
  ...DROPPED_TO_CONTINUE.map(ownerOf),
]);

/** `nvme` of `nvme.poll_queues`; hyphens and underscores are the same in a name. */
function ownerOf(name: string): string {
  return name.replaceAll('-', '_').replace(/\..*$/s, '');
}

/**
 * Modules that arguments of a command line name: to load them, as a file system of the root, or to set their
 * parameters.
 */
export function argumentModules(line: string): string[] {
  return kernelArguments(line).flatMap(({ name, value }) => {
    const key = name.replaceAll('-', '_');
    if (LISTS_OF_MODULES.has(key)) return (value ?? '').split(',');
    if (key === 'rootfstype') return (value ?? '').split(',').flatMap((type) => [type, `fs-${type}`]);
    const owner = ownerOf(name);
    return NO_MODULES.has(owner) ? [] : [owner];
  });
}

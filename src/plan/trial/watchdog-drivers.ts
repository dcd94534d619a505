/**
 * What is known of watchdog drivers, each by its source in drivers/watchdog/ of 6.12 (ipmi_watchdog: drivers/char/ipmi).
 *
 * kexec calls the reboot notifiers as a reboot does (kernel_restart_prepare in kernel/reboot.c), so a driver that said
 * watchdog_stop_on_reboot() is stopped by it: nowayout= is no help, as the notifier calls the driver's stop directly.
 * Only the kernel that is left can prevent it, with watchdog.stop_on_reboot=0 since its start.
 * @module
 */

import type { WatchdogFacts } from '../../machine/facts.ts';

/** When it goes on counting while one kernel gives way to the next. */
export type CountsOn =
  /** Its driver or its firmware stops it, or it is a timer of the old kernel. */
  | 'never'
  /** Its driver leaves it running or arms it anew. */
  | 'natively'
  /** With nowayout set before it starts, its hardware refuses to stop. */
  | 'when-locked'
  /** With watchdog.stop_on_reboot=0 of the kernel that is left. */
  | 'when-kept';

/** What its driver does with one that runs, when it finds it in the new kernel. */
export type AtProbe =
  /** Stops it: it counts again once somebody opens it. */
  | 'stops'
  /** The kernel pets it until somebody opens it, or watchdog.open_timeout= is over. */
  | 'petted-by-kernel'
  /** Gives it the time of its module parameter, and nobody pets it. */
  | 'armed-anew';

/** One driver. */
export interface WatchdogDriver {
  /** Name of its module, which its parameters have in front when it is built in. */
  readonly module: string;
  /** The file identity in /sys/class/watchdog, for drivers that are built in and have no device. */
  readonly identities: readonly string[];
  readonly countsOn: CountsOn;
  /** Null for one that never counts on. */
  readonly atProbe: AtProbe | null;
  /** Seconds that the hardware counts by itself; null where only the machine knows. */
  readonly mostSeconds: number | null;
  /** Name of the module parameter with the seconds it starts with. */
  readonly secondsParameter: string | null;
  readonly otherParameters?: Readonly<Record<string, string>>;
  /** No class device: only /dev/watchdog, so there is nothing in sysfs to read or to lock. */
  readonly isLegacy?: boolean;
  /** A timer of the kernel: it ends programs that hang, but not a kernel that does. */
  readonly isSoftware?: boolean;
  /** `vendor:device` as in modules.alias; a driver that nothing loads is found by them. */
  readonly pciIds?: readonly string[];
  /** A byte of its PCI configuration: with all bits of `mask` set its hardware counts, and only a reset ends that. */
  readonly lockedBy?: { readonly offset: number; readonly mask: number };
}

export const WATCHDOG_DRIVERS: readonly WatchdogDriver[] = [
  {
    // i6300esb.c: esb_timer_start sets the LOCK bit with nowayout; esb_initdevice writes 0 to it, which a locked one
    // does not take, and then the heartbeat, which it does. Seen in QEMU.
    module: 'i6300esb',
    identities: ['i6300ESB timer'],
    countsOn: 'when-locked',
    atProbe: 'armed-anew',
    mostSeconds: 2046,
    secondsParameter: 'heartbeat',
    pciIds: ['8086:25ab'],
    // ESB_LOCK_REG; ESB_WDT_ENABLE and ESB_WDT_LOCK. Its driver does not tell: it calls it inactive until it is opened.
    lockedBy: { offset: 0x68, mask: 0x03 },
  },
  {
    // iTCO_wdt.c: iTCO_wdt_set_running; 613 is TCO version 2 and later, older ones say 76 in max_timeout.
    module: 'iTCO_wdt',
    identities: ['iTCO_wdt'],
    countsOn: 'when-kept',
    atProbe: 'petted-by-kernel',
    mostSeconds: 613,
    secondsParameter: 'heartbeat',
  },
  {
    // sp5100_tco.c: sp5100_tco_timer_init stops it before anything else.
    module: 'sp5100_tco',
    identities: ['SP5100 TCO timer'],
    countsOn: 'when-kept',
    atProbe: 'stops',
    mostSeconds: 65535,
    secondsParameter: 'heartbeat',
    pciIds: ['1002:4385', '1022:780b', '1022:790b', '1d94:790b'],
  },
  {
    // wdat_wdt.c: wdat_wdt_set_running; the limit is period times count of the ACPI table WDAT.
    module: 'wdat_wdt',
    identities: ['wdat_wdt'],
    countsOn: 'when-kept',
    atProbe: 'petted-by-kernel',
    mostSeconds: null,
    secondsParameter: 'timeout',
  },
  {
    // sbsa_gwdt.c: probe looks at SBSA_GWDT_WCS_EN; the limit is that of a 32-bit counter at the system counter's pace.
    module: 'sbsa_gwdt',
    identities: ['SBSA Generic Watchdog'],
    countsOn: 'when-kept',
    atProbe: 'petted-by-kernel',
    mostSeconds: null,
    secondsParameter: 'timeout',
  },
  {
    // dw_wdt.c: dw_wdt_is_enabled in probe; its periods are powers of two of its clock.
    module: 'dw_wdt',
    identities: ['Synopsys DesignWare Watchdog'],
    countsOn: 'when-kept',
    atProbe: 'petted-by-kernel',
    mostSeconds: null,
    secondsParameter: null,
  },
  {
    // sp805_wdt.c: wdt_is_running in probe.
    module: 'sp805_wdt',
    identities: ['sp805-wdt'],
    countsOn: 'when-kept',
    atProbe: 'petted-by-kernel',
    mostSeconds: null,
    secondsParameter: null,
  },
  {
    // bcm2835_wdt.c: bcm2835_wdt_is_running in probe; 20 bits at 65536 Hz, longer times are the kernel's own petting.
    module: 'bcm2835_wdt',
    identities: ['Broadcom BCM2835 Watchdog timer'],
    countsOn: 'when-kept',
    atProbe: 'petted-by-kernel',
    mostSeconds: 15,
    secondsParameter: 'heartbeat',
  },
  {
    // it87_wdt.c: "Left running by firmware" in it87_wdt_init, which only newer kernels say.
    module: 'it87_wdt',
    identities: ['IT87 WDT'],
    countsOn: 'when-kept',
    atProbe: 'petted-by-kernel',
    mostSeconds: 65535,
    secondsParameter: 'timeout',
  },
  {
    // imx2_wdt.c: the hardware cannot be stopped; imx2_wdt_shutdown gives it its most seconds.
    module: 'imx2_wdt',
    identities: ['imx2+ watchdog'],
    countsOn: 'natively',
    atProbe: 'petted-by-kernel',
    mostSeconds: 128,
    secondsParameter: 'timeout',
  },
  {
    // hpwdt.c: no watchdog_stop_on_reboot; hpwdt_hw_is_running in probe.
    module: 'hpwdt',
    identities: ['HPE iLO2+ HW Watchdog Timer', 'HP iLO2+ HW Watchdog Timer'],
    countsOn: 'natively',
    atProbe: 'petted-by-kernel',
    mostSeconds: 8388,
    secondsParameter: 'soft_margin',
    pciIds: ['103c:3306', '0e11:b203', '1590:0389'],
  },
  {
    // ipmi_watchdog.c: wdog_reboot_handler arms it with 120 s at least; ipmi_new_smi stops it unless start_now=1.
    module: 'ipmi_watchdog',
    identities: ['IPMI'],
    countsOn: 'natively',
    atProbe: 'stops',
    mostSeconds: 6553,
    secondsParameter: 'timeout',
    otherParameters: { start_now: '1' },
    isLegacy: true,
  },
  {
    // ib700wdt.c: ibwdt_shutdown, which device_shutdown calls on the way to kexec.
    module: 'ib700wdt',
    identities: ['IB700 WDT'],
    countsOn: 'never',
    atProbe: null,
    mostSeconds: 30,
    secondsParameter: 'timeout',
    isLegacy: true,
  },
  {
    // xen_wdt.c: the hypervisor counts for the one who asked, and the new kernel does not know that number.
    module: 'xen_wdt',
    identities: ['xen_wdt'],
    countsOn: 'never',
    atProbe: null,
    mostSeconds: null,
    secondsParameter: 'timeout',
  },
  {
    // softdog.c: an hrtimer.
    module: 'softdog',
    identities: ['Software Watchdog'],
    countsOn: 'never',
    atProbe: null,
    mostSeconds: 65535,
    secondsParameter: 'soft_margin',
    isSoftware: true,
  },
];

/** By module, by the name of the driver (`sp5100-tco`), or by what the device says of itself. */
export function findWatchdogDriver(watchdog: {
  readonly module: string | undefined;
  readonly driver: string | undefined;
  readonly identity: string | undefined;
}): WatchdogDriver | undefined {
  const names = [watchdog.module, watchdog.driver?.replaceAll('-', '_')];
  return WATCHDOG_DRIVERS.find(
    ({ module, identities }) => names.includes(module) || identities.includes(watchdog.identity ?? ''),
  );
}

/**
 * By name, what another kernel needs to pet it. Not every driver ties its device to the hardware (that of an i6300esb does not),
 * so sysfs alone does not tell.
 */
export function modulesOfWatchdog(facts: WatchdogFacts): readonly string[] {
  const own = findWatchdogDriver(facts)?.module ?? facts.module;
  return [...new Set([...(own === undefined ? [] : [own]), ...facts.modules])];
}

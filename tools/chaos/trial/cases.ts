/**
 * What can go wrong with a kernel on trial, as values. Most faults are made in a kernel that is on trial already and waits
 * for a check; those of the jump itself begin in the known-good kernel.
 * @module
 */
import { anyOf } from '../row.ts';
import type { BedState, TrialBed } from './bed.ts';
import * as before from './before-jump.ts';
import type { Fault } from './fault.ts';
import * as during from './on-trial.ts';
import { type CutMoment, powerCuts } from './power-cuts.ts';

/** One case. */
export interface TrialCase {
  readonly name: string;
  /** Where in the protocol the fault is made. */
  readonly point: string;
  readonly bed: TrialBed;
  /** From which checkpoint. */
  readonly from: BedState;
  readonly fault: Fault;
  /**
   * `confirmed`, `home by kexec`, `home by firmware`, `stays`: nothing was loaded or stopped. After a power cut, with their
   * causes, those that it may have; see power-cuts.ts.
   */
  readonly expected: string;
  /** Of the history; undefined where no trial ends, or `expected` says it. */
  readonly cause: string | undefined;
  /** What the history has to say of it, where the cause alone could be of another fault. */
  readonly detail?: RegExp | undefined;
  /** How long it may take, where something slower would come to the same end. */
  readonly withinSeconds?: number | undefined;
}

/** @param watchdog with one alone, with and without; undefined: without */
type Sketch = Omit<TrialCase, 'bed'> & { readonly watchdog?: 'needed' | 'both' };

const HOME = 'home by kexec';
const FIRMWARE = 'home by firmware';

/** In the order of the table: from what is found before anything is done to what is found last. */
const CASES: readonly Sketch[] = [
  fresh('load fails', 'load', before.damagedImage, 'stays'),
  fresh('known-good kernel damaged', 'stage', before.damagedHome, 'stays'),
  fresh('disk full', 'stage', before.fullDisk, 'stays'),
  fresh('two switches at once', 'stage', before.twice, 'confirmed'),
  fresh('panic before init', 'start', before.damagedInitrd, FIRMWARE, 'firmware'),
  fresh('init dies', 'initramfs', before.withInit('#!/bin/sh\nexit 1\n'), HOME, 'panic'),
  fresh(
    'panic in the initramfs',
    'initramfs',
    before.withInit('#!/bin/sh\nmount -t proc proc /proc; echo c >/proc/sysrq-trigger\n'),
    HOME,
    'panic',
  ),
  {
    ...fresh(
      'initramfs hangs',
      'initramfs',
      before.withInit('#!/bin/sh\nwhile :; do sleep 100; done\n'),
      HOME,
      'stuck-boot',
    ),
    watchdog: 'both',
  },
  fresh(
    'root never appears',
    'initramfs',
    before.options('--append root=UUID=00000000-0000-4000-8000-000000000000 --accept root-device'),
    FIRMWARE,
    'firmware',
  ),
  fresh('panic', 'boot', before.panicAtBoot, HOME, 'panic'),
  fresh('hang, interrupts on', 'boot', before.moduleAtBoot('hang'), HOME, 'panic'),
  {
    ...fresh('hang, interrupts off', 'boot', before.moduleAtBoot('dead-hang'), FIRMWARE, 'watchdog'),
    watchdog: 'needed',
  },
  fresh('fewer CPUs', 'system', before.options('--append nr_cpus=1'), HOME, 'unhealthy', /system\.cpus/),
  fresh('less memory', 'system', before.options('--append mem=1200M'), HOME, 'unhealthy', /system\.memory/),
  fresh('emergency shell', 'system', before.emergency, HOME, 'unhealthy', /system\.finished/),
  fresh('agent cannot start', 'agent start', before.masked, HOME, 'stuck-boot'),
  fresh('no driver for the network', 'network', before.noDriver, HOME, 'deadline', /network\.interfaces/),
  fresh('no default route', 'network', before.noRoute, HOME, 'deadline', /network\.routes/),
  fresh('nobody confirms', 'proof', before.options('--confirm 15'), HOME, 'unconfirmed'),
  fresh('somebody confirms', 'proof', before.confirmed, 'confirmed'),
  onTrial('ticket truncated', 'agent start', spoiled('truncate -s 100 $ticket'), HOME, 'ticket'),
  onTrial('ticket empty', 'agent start', spoiled(': >$ticket'), HOME, 'ticket'),
  onTrial('ticket corrupted', 'agent start', spoiled('sed -i "s/[0-9]/x/g" $ticket'), HOME, 'ticket'),
  onTrial(
    'ticket of a newer version',
    'agent start',
    spoiled('sed -i "s/\\"version\\": 2/\\"version\\": 99/" $ticket'),
    HOME,
    'ticket',
  ),
  onTrial('ticket gone', 'agent start', spoiled('rm $ticket'), HOME, 'ticket'),
  onTrial('root read-only', 'system', during.makeReadOnly, HOME, 'unhealthy', /system\.root-writable/),
  onTrial('kernel warning', 'system', during.taint, HOME, 'unhealthy', /system\.kernel-warnings/),
  onTrial('interface goes down', 'network', during.loseInterface, HOME, 'deadline', /network\.interfaces/),
  onTrial('default route is lost', 'network', during.loseRoute, HOME, 'deadline', /network\.routes/),
  { ...onTrial('good kernel', 'services', during.nothing, 'confirmed', undefined), watchdog: 'both' },
  {
    ...onTrial('panic', 'services', during.crash('echo c >/proc/sysrq-trigger'), HOME, 'panic'),
    watchdog: 'both',
  },
  onTrial(
    'panic on CPU 1',
    'services',
    during.crash('echo c >/proc/sysrq-trigger', 1),
    FIRMWARE,
    'panic',
    // What the panic kernel left on the disk: from there no report comes home in memory.
    /\(khop crashes show \S+\)$/,
  ),
  onTrial('oops in a module', 'services', during.crashModule('null-dereference'), HOME, 'panic'),
  onTrial('stack overflow in a module', 'services', during.crashModule('stack-overflow'), HOME, 'panic'),
  onTrial('hang, interrupts on', 'services', during.crashModule('hang'), HOME, 'panic'),
  {
    ...onTrial('hang, interrupts off', 'services', during.crashModule('dead-hang'), FIRMWARE, 'watchdog'),
    watchdog: 'needed',
  },
  onTrial('unknown NMI', 'services', during.nmi, HOME, 'panic'),
  onTrial('service down', 'services', during.failUnit, HOME, 'unhealthy', /services\.units/),
  onTrial('socket no longer answers', 'services', during.stopSsh, HOME, 'deadline', /services\.sockets/),
  onTrial('script says no', 'services', during.failScript, HOME, 'unhealthy', /services\.required-scripts/),
  onTrial(
    'script never says yes',
    'services',
    during.waitOnly,
    HOME,
    'deadline',
    /services\.required-scripts/,
  ),
  onTrial('disk full', 'services', during.fillDisk, HOME, 'unhealthy'),
  onTrial(
    'known-good kernel damaged',
    'services',
    during.damageHome,
    HOME,
    'unhealthy',
    /services\.required-scripts/,
  ),
  onTrial('clock ten years ahead', 'services', during.setClock('+10 years'), 'confirmed', undefined),
  onTrial('clock ten years back', 'services', during.setClock('-10 years'), 'confirmed', undefined),
  onTrial('agent killed once', 'services', during.killAgent, 'confirmed', undefined),
  { ...onTrial('agent stopped for good', 'services', during.stopAgent, HOME, 'deadline'), watchdog: 'both' },
  onTrial('home panics, too', 'way home', during.panicAtHome, FIRMWARE, 'unhealthy', /services\.units/),
  {
    ...onTrial('home hangs, too', 'way home', during.moduleAtHome('dead-hang'), FIRMWARE, 'unhealthy'),
    watchdog: 'needed',
  },
  {
    ...onTrial(
      'way home hangs',
      'way home',
      during.hangOnTheWay,
      // A kernel that hangs in its own jump cannot start its panic kernel.
      FIRMWARE,
      'unhealthy',
      /services\.units/,
    ),
    // The deadline of the trial, which the guardian would wait for, is 13 minutes.
    withinSeconds: 600,
  },
  onTrial('person goes home', 'services', during.goBack, HOME, 'asked'),
  onTrial('person reboots', 'services', during.reboot, FIRMWARE, 'asked'),
  onTrial('unit restarts the machine', 'services', during.rebootByUnit, FIRMWARE, 'unhealthy'),
  onTrial('power cut', 'services', during.powerCut, FIRMWARE, 'firmware'),
  ...powerCuts().map(cutCase),
];

const WATCHDOGS = { needed: [true], both: [false, true] } as const;

/** Every case under each firmware; those that need a watchdog with one, and some with and without. */
export function trialCases(): readonly TrialCase[] {
  return (['seabios', 'ovmf'] as const).flatMap((firmware) =>
    CASES.flatMap(({ watchdog, name, ...each }) =>
      (watchdog === undefined ? [false] : WATCHDOGS[watchdog]).map((hasWatchdog) => ({
        ...each,
        name: hasWatchdog ? `${name}, watchdog` : name,
        bed: { firmware, hasWatchdog },
      })),
    ),
  );
}

function cutCase({ point, from, fault, ends }: CutMoment): Sketch {
  return { name: 'power cut', point, from, fault, expected: anyOf(ends), cause: undefined };
}

/** @param script finds the path in `$ticket` */
function spoiled(script: string): Fault {
  return during.spoilTicket(`ticket=/var/lib/khop/trial.json; ${script}`);
}

function onTrial(
  name: string,
  point: string,
  fault: Fault,
  expected: string,
  cause: string | undefined,
  detail?: RegExp,
): Sketch {
  return { name, point, from: 'on-trial', fault, expected, cause, detail };
}

function fresh(
  name: string,
  point: string,
  fault: Fault,
  expected: string,
  cause?: string,
  detail?: RegExp,
): Sketch {
  return { name, point, from: 'known-good', fault, expected, cause, detail };
}

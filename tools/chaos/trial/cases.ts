/**
 * What can go wrong with a kernel on trial, as values. Most faults are made in a kernel that is on trial already and waits
 * for a check; those of the jump itself begin in the known-good kernel.
 * @module
 */
import type { TrialBed } from './bed.ts';
import * as before from './before-jump.ts';
import type { Fault } from './fault.ts';
import * as during from './on-trial.ts';
import { EITHER } from './trial-end.ts';

/** One case. */
export interface TrialCase {
  readonly name: string;
  /** Where in the protocol the fault is made. */
  readonly point: string;
  readonly bed: TrialBed;
  /** From which checkpoint. */
  readonly from: 'known-good' | 'on-trial';
  readonly fault: Fault;
  /** `confirmed`, `home by kexec`, `home by firmware`, `stays`: nothing was loaded or stopped. */
  readonly expected: string;
  /** Of the history; undefined where no trial ends. */
  readonly cause: string | undefined;
}

type Sketch = Omit<TrialCase, 'bed'> & { readonly needsWatchdog?: true };

const HOME = 'home by kexec';
const FIRMWARE = 'home by firmware';

const ON_TRIAL: readonly Sketch[] = [
  onTrial('good kernel', 'services', during.nothing, 'confirmed', undefined),
  onTrial('panic', 'services', during.crash('echo c >/proc/sysrq-trigger'), HOME, 'panic'),
  onTrial('oops in a module', 'services', during.crashModule('null-dereference'), HOME, 'panic'),
  onTrial('stack overflow in a module', 'services', during.crashModule('stack-overflow'), HOME, 'panic'),
  onTrial('hang, interrupts on', 'services', during.crashModule('hang'), HOME, 'panic'),
  onTrial('unknown NMI', 'services', during.nmi, HOME, 'panic'),
  onTrial('service down', 'services', during.failUnit, HOME, 'unhealthy'),
  onTrial('socket no longer answers', 'services', during.stopSsh, HOME, 'deadline'),
  onTrial('kernel warning', 'services', during.taint, HOME, 'unhealthy'),
  onTrial('script says no', 'services', during.failScript, HOME, 'unhealthy'),
  onTrial('script never says yes', 'services', during.waitOnly, HOME, 'deadline'),
  onTrial('no default route any more', 'network', during.loseNetwork, HOME, 'deadline'),
  onTrial('root read-only', 'system', during.makeReadOnly, HOME, 'unhealthy'),
  onTrial('disk full', 'services', during.fillDisk, HOME, 'unhealthy'),
  onTrial(
    'ticket truncated',
    'agent start',
    during.spoilTicket('truncate -s 100 /var/lib/khop/trial.json'),
    HOME,
    'ticket',
  ),
  onTrial('ticket empty', 'agent start', during.spoilTicket(': >/var/lib/khop/trial.json'), HOME, 'ticket'),
  onTrial(
    'ticket of a newer version',
    'agent start',
    during.spoilTicket('sed -i "s/\\"version\\": 2/\\"version\\": 99/" /var/lib/khop/trial.json'),
    HOME,
    'ticket',
  ),
  onTrial('ticket gone', 'agent start', during.spoilTicket('rm /var/lib/khop/trial.json'), HOME, 'ticket'),
  onTrial('clock ten years ahead', 'services', during.setClock('+10 years'), 'confirmed', undefined),
  onTrial('clock ten years back', 'services', during.setClock('-10 years'), 'confirmed', undefined),
  onTrial('agent killed once', 'services', during.killAgent, 'confirmed', undefined),
  onTrial('agent stopped for good', 'services', during.stopAgent, HOME, 'deadline'),
  onTrial('person goes home', 'services', during.goBack, HOME, 'asked'),
  onTrial('person reboots', 'services', during.reboot, FIRMWARE, 'firmware'),
  onTrial('power cut', 'services', during.powerCut, FIRMWARE, 'firmware'),
  {
    ...onTrial('hang, interrupts off', 'services', during.crashModule('dead-hang'), FIRMWARE, 'watchdog'),
    needsWatchdog: true,
  },
];

const FROM_KNOWN_GOOD: readonly Sketch[] = [
  fresh('load fails', 'load', before.damagedImage, 'stays', undefined),
  fresh('known-good kernel damaged', 'stage', before.damagedHome, 'stays', undefined),
  fresh('two switches at once', 'stage', before.twice, 'confirmed', undefined),
  fresh('initramfs without first act', 'start', before.damagedInitrd, FIRMWARE, 'firmware'),
  fresh('init dies', 'initramfs', before.withInit('#!/bin/sh\nexit 1\n'), HOME, 'panic'),
  fresh(
    'panic in the initramfs',
    'initramfs',
    before.withInit('#!/bin/sh\nmount -t proc proc /proc; echo c >/proc/sysrq-trigger\n'),
    HOME,
    'panic',
  ),
  fresh(
    'initramfs hangs',
    'initramfs',
    before.withInit('#!/bin/sh\nwhile :; do sleep 100; done\n'),
    HOME,
    'stuck-boot',
  ),
  fresh(
    'root never appears',
    'initramfs',
    before.options('--append root=UUID=00000000-0000-4000-8000-000000000000 --accept root-device'),
    FIRMWARE,
    'firmware',
  ),
  fresh('fewer CPUs', 'system', before.options('--append nr_cpus=1'), HOME, 'unhealthy'),
  fresh('less memory', 'system', before.options('--append mem=1200M'), HOME, 'unhealthy'),
  fresh('emergency shell', 'system', before.emergency, HOME, 'unhealthy'),
  fresh('agent cannot start', 'agent start', before.masked, HOME, 'stuck-boot'),
  fresh('nobody confirms', 'proof', before.options('--confirm 15'), HOME, 'unconfirmed'),
  fresh('somebody confirms', 'proof', before.confirmed, 'confirmed', undefined),
];

/** Every case under each firmware; those that need a watchdog with one, and some with and without. */
export function trialCases(): readonly TrialCase[] {
  return (['seabios', 'ovmf'] as const).flatMap((firmware) =>
    [...ON_TRIAL, ...FROM_KNOWN_GOOD, ...before.powerCuts().map(cutCase)].map(
      ({ needsWatchdog, ...each }) => ({
        ...each,
        bed: { firmware, hasWatchdog: needsWatchdog === true },
      }),
    ),
  );
}

function cutCase({ point, fault }: { readonly point: string; readonly fault: Fault }): Sketch {
  return {
    name: 'power cut',
    point,
    from: 'known-good',
    fault,
    expected: EITHER,
    cause: undefined,
  };
}

function onTrial(
  name: string,
  point: string,
  fault: Fault,
  expected: string,
  cause: string | undefined,
): Sketch {
  return { name, point, from: 'on-trial', fault, expected, cause };
}

function fresh(
  name: string,
  point: string,
  fault: Fault,
  expected: string,
  cause: string | undefined,
): Sketch {
  return { name, point, from: 'known-good', fault, expected, cause };
}

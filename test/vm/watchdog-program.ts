/**
 * What the tests of watchdogs run inside the machine, bundled: one act on the watchdog, and what came of it as JSON.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { readMachine } from '../../src/machine/read-machine.ts';
import { armOverJump } from '../../src/machine/watchdog/arm.ts';
import { readBootStatus } from '../../src/machine/watchdog/boot-status.ts';
import { stopWatchdog } from '../../src/machine/watchdog/keep.ts';
import { isCounting, OpenWatchdog } from '../../src/machine/watchdog/open-watchdog.ts';
import { handToServiceManager, takeFromServiceManager } from '../../src/machine/watchdog/service-manager.ts';
import { planWatchdog } from '../../src/plan/trial/plan-watchdog.ts';

const DEVICE = '/dev/watchdog0';
const PAUSE_MS = 500;

const ACTS: Readonly<Record<string, (seconds: number) => unknown>> = {
  plan: () => planWatchdog(readMachine('/'), { deadlineSeconds: 120, jumpSeconds: 60 }),
  arm: async () => {
    const plan = planWatchdog(readMachine('/'), { deadlineSeconds: 120, jumpSeconds: 60 });
    return plan.state === 'planned' ? await armOverJump('/', plan) : plan;
  },
  'arm-unlocked': (overJumpSeconds) => armOverJump('/', { device: DEVICE, overJumpSeconds, mustLock: false }),
  // As a guardian does, for twice the time that it sets; then it tries to stop it. In one process: starting another one
  // takes an emulated processor longer than the watchdog waits.
  guard: async (seconds) => {
    const granted = setTimeoutSeconds(seconds);
    const end = performance.now() + 2000 * seconds;
    let wasCounting = true;
    while (performance.now() < end) {
      wasCounting &&= petOnce();
      await sleep(PAUSE_MS);
    }
    return { granted, wasCounting, stop: stopWatchdog('/', DEVICE) };
  },
  stop: () => stopWatchdog('/', DEVICE),
  wait: async (seconds) => {
    await sleep(seconds * 1000);
    return 'still here';
  },
  take: async () => {
    await takeFromServiceManager();
    return 'taken';
  },
  give: (configuredSeconds) =>
    handToServiceManager('/', { device: DEVICE, configuredSeconds, timeoutSeconds: 60 }),
  'boot-status': () => readBootStatus('/'),
};

/** Only one that counts: opening one that stands still would start it. */
function petOnce(): boolean {
  const place = { root: '/', device: DEVICE };
  if (isCounting(place) === false) return false;
  using watchdog = new OpenWatchdog(place);
  watchdog.pet();
  return true;
}

function setTimeoutSeconds(seconds: number): number {
  using watchdog = new OpenWatchdog({ root: '/', device: DEVICE });
  return watchdog.setTimeoutSeconds(seconds);
}

const [, , act = '', seconds = '0'] = process.argv;
process.stdout.write(JSON.stringify((await ACTS[act]?.(Number(seconds))) ?? null));

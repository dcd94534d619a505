/**
 * Power cuts at moments of the protocol, from the first write to the last. Those up to the first steps of the kernel on trial
 * begin where the switch asks whether to leave; the later ones in a kernel that is on trial already.
 *
 * Which ends a moment may have follows from what is on the disk by then (docs/decisions/end-of-a-trial.md). Without a ticket
 * nothing has begun. With one the trial came home by the firmware, and nothing says why, unless the agent had written its
 * own cause. Once the decision is written, whichever kernel comes up finishes the confirmation.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { STEADY_MS } from '../../../src/cli/trial-agent.ts';
import { KhopError } from '../../../src/error.ts';
import type { VirtualMachine } from '../../../src/lab/virtual-machine.ts';
import type { ReturnCause } from '../../../src/trial/trial-words.ts';
import { cutPower, type Fault } from './fault.ts';
import { NEVER_LEFT } from './trial-end.ts';

const LINE_TIMEOUT_MS = 300_000;

/** A moment: so many milliseconds after a line of the console. */
export interface CutMoment {
  readonly point: string;
  readonly from: 'asked' | 'on-trial';
  readonly fault: Fault;
  /** Outcomes that are right then, as trial-end.ts words them. */
  readonly ends: readonly string[];
}

/** What leads to a line, and the line. */
interface Way {
  readonly from: CutMoment['from'];
  readonly line: RegExp;
  /** Sets the machine going. @param leave says yes in one that asks */
  readonly go: (leave: string) => string;
}

/** The right ends of a cut so many milliseconds after the line. */
type Ends = (ms: number) => readonly string[];

/** What the agent says goes to the console, and the script that holds the trial lets it go. */
const FOLLOW = 'journalctl --follow --lines=0 --unit=khop-trial.service >/dev/console 2>&1 &';
const AGAIN = 'touch /run/go; systemctl restart khop-trial.service';
const YES = 'khop-chaos: yes';
/** The kernel tells of the jump with less than what `quiet` lets through. */
const ALOUD = 'echo 7 >/proc/sys/kernel/printk';
/** The decision is one write. */
const DECIDED = 'khop-chaos: decided';
const WATCH = `until grep -q '"phase": "confirmed"' /var/lib/khop/trial.json; do sleep 0.1; done; echo '${DECIDED}' >/dev/console`;
const NO =
  'printf "#!/bin/sh\\nexit 1\\n" >/etc/khop/checks/required.d/no; chmod 755 /etc/khop/checks/required.d/no';

/** A machine that is switched on comes through its firmware. */
const homeFor = (cause: ReturnCause): string => `home by firmware, ${cause}`;
const UNEXPLAINED = homeFor('firmware');
const CONFIRMED = 'confirmed';

/** How much later than it was written a line may arrive here, through the journal and a busy host. */
const LATE_MS = 5000;
/** The decision is seen as soon as it has its name, which is on the disk when its folder was synced. */
const SYNCED_MS = 1000;
/** The agent says that it goes home, looks at the machine once more, and then writes why: a second, three on a busy host. */
const RECORDED_MS = 4000;

/** Fifty and more. */
export function powerCuts(): readonly CutMoment[] {
  const leaving = (line: RegExp): Way => ({
    from: 'asked',
    line,
    go: (leave) => `${ALOUD}; echo '${YES}' >/dev/console; ${leave}`,
  });
  const onTrial = (line: RegExp, script: string): Way => ({ from: 'on-trial', line, go: () => script });
  const agent = (line: RegExp): Way => onTrial(line, `${FOLLOW} ${AGAIN}`);
  return [
    // Then it looks at the machine, loads the kernel, and writes the ticket.
    ...spread('somebody said yes', leaving(new RegExp(YES)), [0, 500, 1000, 2000, 4000, 8000], () => [
      NEVER_LEFT,
      UNEXPLAINED,
    ]),
    ...spread(
      'the way down began',
      leaving(/is going down now/),
      [0, 200, 500, 1000, 1500, 2000, 3000, 4000, 6000],
      () => [UNEXPLAINED],
    ),
    // The start of the new kernel, its initramfs, and the first act.
    ...spread(
      'the jump',
      leaving(/Starting new kernel/),
      [0, 500, 2000, 4000, 7000, 10_000, 14_000, 18_000, 22_000, 26_000],
      (ms) => (ms < STEADY_MS ? [UNEXPLAINED] : [UNEXPLAINED, CONFIRMED]),
    ),
    ...spread('the agent began', agent(/khop\[\d+\]: system: /), [0, 300, 600, 1000, 2000, 4000], () => [
      UNEXPLAINED,
    ]),
    ...spread('the network', agent(/khop\[\d+\]: network: /), [0, 500, 1000], () => [UNEXPLAINED]),
    ...spread(
      'the services',
      agent(/khop\[\d+\]: services: /),
      [0, 300, 1000, 3000, 7000, 12_000, 18_000],
      (ms) => (ms + LATE_MS < STEADY_MS ? [UNEXPLAINED] : [UNEXPLAINED, CONFIRMED]),
    ),
    ...spread(
      'the decision',
      onTrial(new RegExp(DECIDED), `touch /run/go; ${WATCH}`),
      [0, 100, 200, 300, 400, 600, 800, 1000, 1500, 2000, 3000],
      (ms) => (ms < SYNCED_MS ? [UNEXPLAINED, CONFIRMED] : [CONFIRMED]),
    ),
    // The agent says so when all of it is written.
    ...spread('the confirmation', agent(/khop\[\d+\]: Confirmed/), [0, 300, 1000, 3000], () => [CONFIRMED]),
    ...spread(
      'the way home began',
      onTrial(/khop\[\d+\]: Going home/, `${FOLLOW} ${NO}; touch /run/go`),
      [0, 500, 1500, 3000, 6000],
      (ms) => (ms < RECORDED_MS ? [UNEXPLAINED, homeFor('unhealthy')] : [homeFor('unhealthy')]),
    ),
  ];
}

function spread(point: string, way: Way, times: readonly number[], endsAt: Ends): CutMoment[] {
  return times.map((ms) => ({
    point: `${ms} ms after ${point}`,
    from: way.from,
    fault: cutAt(way, ms),
    ends: endsAt(ms),
  }));
}

function cutAt({ line, go }: Way, ms: number): Fault {
  return async ({ machine, leave }) => {
    const reached = waitForLine(machine, line);
    await machine.start(go(leave()));
    await reached;
    if (ms > 0) await sleep(ms);
    return await cutPower(machine);
  };
}

/** Listens from now on. */
async function waitForLine(machine: VirtualMachine, wanted: RegExp): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(
    () =>
      reject(
        new KhopError('E_TIMEOUT', `the console did not say ${wanted.source}`, {
          hint: 'The machine did not come as far as this case needs.',
        }),
      ),
    LINE_TIMEOUT_MS,
  );
  machine.console.onLine((line) => wanted.test(line) && resolve());
  await promise.finally(() => clearTimeout(timer));
}

/**
 * Many switches between good kernels, one after the other in the same machine: none may be sent home. Chains of them also
 * show what piles up from switch to switch.
 * @module
 */
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { KhopError } from '../../../src/error.ts';
import type { GuestHello } from '../../../src/lab/agent-channel.ts';
import { waitForSystem } from '../../../src/lab/full-machine.ts';
import { prepareGuest } from '../../../src/lab/guest-preparation.ts';
import type { VirtualMachine } from '../../../src/lab/virtual-machine.ts';
import { type Inventory, lossesSince, takeInventory } from '../guard/homecoming.ts';
import type { ChaosRow } from '../row.ts';
import { startBed, type TrialBed } from './bed.ts';
import { COMMAND, INSTALLED } from './fault.ts';

/** How a switch is asked for. What is not fast takes the distribution's initramfs and every self-test. */
const WAYS = [
  { name: 'fast', options: '--fast', isBusy: false },
  { name: 'plain', options: '', isBusy: false },
  { name: 'fast, busy', options: '--fast', isBusy: true },
] as const;

/** As the bed's own: everything a trial takes is made by an emulated processor. */
const JUMP_TIMEOUT_MS = 900_000;
const END_TIMEOUT_MS = 600_000;
const PAUSE_MS = 1000;
const REFUSED = /khop switch ended with (\d+)\n/;
const TICKET = '/var/lib/khop/trial.json';

/** A processor and a disk that have something to do from the first services on, for as long as the file is there. */
const BUSY_FLAG = '/var/lib/busy';
const BUSY_UNIT = `[Unit]
Description=Something to do
DefaultDependencies=no
After=local-fs.target
ConditionPathExists=${BUSY_FLAG}
Conflicts=shutdown.target
Before=shutdown.target
[Service]
ExecStart=/bin/sh -c 'while :; do find / -xdev -type f -size -64k -exec cat {} + | sha256sum; done'
StandardOutput=null
[Install]
WantedBy=basic.target
`;

/** Switches to and fro. @param onRow called after each one */
export async function runGoodSwitches(
  bed: TrialBed,
  count: number,
  onRow: (row: ChaosRow) => void,
): Promise<void> {
  const machine = await startBed(bed, 'known-good');
  let isWhole = false;
  try {
    await machine.copyIn(BUSY_UNIT, '/etc/systemd/system/busy.service');
    await machine.run('systemctl enable busy.service', COMMAND);
    const seen = new Map<string, Inventory>();
    for (let number = 1; number <= count; number++) {
      const row = await switchOnce(machine, number, seen).catch((error: unknown): Finding => {
        if (!(error instanceof KhopError)) throw error;
        const cause = `${error.message.split('\n')[0]!}; see ${machine.folder}`;
        return { case: 'switch', outcome: `failed: ${error.code}`, cause, seconds: 0 };
      });
      onRow({
        suite: 'good',
        point: `switch ${number}`,
        firmware: bed.firmware,
        expected: 'confirmed',
        ...row,
      });
      // A machine that cannot be asked any more has nothing to say about the rest.
      if (row.outcome.startsWith('failed')) return;
    }
    isWhole = true;
  } finally {
    await machine[Symbol.asyncDispose]();
    // Otherwise its console is the evidence.
    if (isWhole) await rm(machine.folder, { recursive: true, force: true });
  }
}

type Finding = Pick<ChaosRow, 'case' | 'outcome' | 'cause' | 'seconds'>;

async function switchOnce(
  machine: VirtualMachine,
  number: number,
  seen: Map<string, Inventory>,
): Promise<Finding> {
  const before = await takeInventory(machine);
  if (!seen.has(before.release)) seen.set(before.release, before);
  const line = before.release.startsWith('6.1.') ? '6.12' : '6.1';
  const way = WAYS[(number - 1) % WAYS.length]!;
  await machine.run(way.isBusy ? `touch ${BUSY_FLAG}` : `rm -f ${BUSY_FLAG}`, COMMAND);
  const { bootId } = await machine.waitForHello(1000);
  const started = performance.now();
  const command = `${INSTALLED} khop switch ${line} ${way.options} --trial --accept dead-hang --yes`;
  const arrived = await leaveBy(machine, `${command} || echo khop switch ended with $?`, bootId);
  await waitForTicketToGo(machine);
  const seconds = (performance.now() - started) / 1000;
  await waitForSystem(machine);
  await prepareGuest(machine, { hasKhop: false });
  const { verdict, words } = await lastSwitch(machine);
  const now = await machine.waitForHello(1000);
  const after = await takeInventory(machine);
  const problems = [
    now.bootId === arrived.bootId ? undefined : `the machine left ${arrived.release} again`,
    ...lossesSince(seen.get(now.release) ?? after, after),
  ].filter((problem) => problem !== undefined);
  return {
    case: `${before.release} to ${line}, ${way.name}`,
    outcome: [verdict, ...problems].join(', '),
    cause: words,
    seconds: Math.round(seconds * 10) / 10,
  };
}

/** @throws E_REFUSED as soon as the command has ended without leaving */
async function leaveBy(machine: VirtualMachine, command: string, bootId: string): Promise<GuestHello> {
  const done = new AbortController();
  const { promise: refused, reject } = Promise.withResolvers<never>();
  const said: string[] = [];
  machine.followOutput((text) => {
    said.push(text);
    const all = said.join('');
    const status = REFUSED.exec(all)?.[1];
    // By a signal: it was the shutdown that it had asked for.
    if (status === undefined || Number(status) > 128) return;
    const message = all.trim().split('\n').slice(-3).join(' ');
    reject(new KhopError('E_REFUSED', message, { hint: 'A good kernel was not even tried.' }));
  }, done.signal);
  try {
    await machine.start(command);
    return await Promise.race([machine.waitForNewKernel(bootId, JUMP_TIMEOUT_MS), refused]);
  } finally {
    done.abort();
  }
}

/** Confirmed, or home again: a boot in between is only asked later. */
async function waitForTicketToGo(machine: VirtualMachine): Promise<void> {
  const until = performance.now() + END_TIMEOUT_MS;
  while (performance.now() < until) {
    const asked = await machine.exec(`test ! -e ${TICKET}`, COMMAND).catch((error: unknown) => {
      // It may be on its way home.
      if (!(error instanceof KhopError)) throw error;
      return undefined;
    });
    if (asked?.status === 0) return;
    await sleep(PAUSE_MS);
  }
  throw new KhopError('E_TIMEOUT', 'the trial of a good kernel did not end', {
    hint: 'Its console tells what it waited for.',
  });
}

interface Listed {
  readonly entries: readonly {
    readonly kind: string;
    readonly trial?: {
      readonly verdict: string;
      readonly cause: string | null;
      readonly detail: string;
    } | null;
  }[];
}

async function lastSwitch(machine: VirtualMachine): Promise<{ verdict: string; words: string }> {
  const { stdout } = await machine.run(`${INSTALLED} khop history --json`, COMMAND);
  const last = (JSON.parse(stdout) as Listed).entries.findLast(({ kind }) => kind === 'switch');
  const { verdict, cause, detail } = last?.trial ?? {};
  return { verdict: verdict ?? 'no trial', words: [cause, detail].filter(Boolean).join(': ') };
}

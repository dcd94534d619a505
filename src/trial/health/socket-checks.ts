/**
 * Whether somebody answers where somebody answered before, and where the administrator wants it.
 * @module
 */
import { formatSocketAddress } from '../../formats/socket-address.ts';
import { type CheckInput, type CheckOutcome, compare, type HealthCheck, outcomeOf, passed } from './check.ts';
import { whyNoAnswer } from './lasting-sockets.ts';
import type { HealthWorld } from './world.ts';

type Listening = { readonly address: string; readonly port: number };

/** A socket of before, and what stands for it now. */
interface Found {
  readonly before: Listening & { readonly answers: boolean };
  readonly now: Listening | undefined;
}

const REMEDY = '`ss -ltnp` shows who listens; look at the service whose port this is.';

export const SOCKET_CHECKS: readonly HealthCheck[] = [
  { id: 'services.sockets', phase: 'services', isRequired: true, run: checkSockets },
  { id: 'services.configured-sockets', phase: 'services', isRequired: true, run: checkConfigured },
];

async function checkSockets({ world, baseline }: CheckInput): Promise<CheckOutcome> {
  let found: readonly Found[] = [];
  const listed = compare(baseline.sockets, world.readSockets(), (before, now) => {
    found = before.map((socket) => ({
      before: socket,
      now: now.find((each) => isSame(socket, each)) ?? now.find((each) => isMoved(socket, each)),
    }));
    return passed('nobody listened before');
  });
  if (found.length === 0) return listed;
  const problems = await Promise.all(found.map((each) => problemOf(world, each)));
  return outcomeOf(
    problems.filter((problem) => problem !== undefined),
    'waiting',
    `as before on ${found.map(({ before }) => nameOf(before)).join(', ')}`,
    REMEDY,
  );
}

/** One that did not answer before, perhaps because of a firewall, only has to be there. */
async function problemOf(world: HealthWorld, { before, now }: Found): Promise<string | undefined> {
  if (now === undefined) return `nobody listens on ${nameOf(before)}`;
  const problem = before.answers ? await whyNoAnswer(world, now) : undefined;
  return problem === undefined ? undefined : `${nameOf(now)} does not answer: ${problem}`;
}

function isSame(before: Listening, now: Listening): boolean {
  return now.port === before.port && now.address === before.address;
}

/** One bound to an address of the machine: that may be another one now, or all of them. */
function isMoved(before: Listening, now: Listening): boolean {
  const isFixed = (address: string) => /^(?:127\.|::1$|0\.0\.0\.0$|::$)/.test(address);
  if (now.port !== before.port || isFixed(before.address)) return false;
  const isSix = before.address.includes(':');
  if (now.address === '::' || now.address === '0.0.0.0') return isSix === now.address.includes(':');
  return !isFixed(now.address) && isSix === now.address.includes(':');
}

function nameOf({ address, port }: Listening): string {
  return formatSocketAddress({ host: address, port });
}

async function checkConfigured({ world, settings }: CheckInput): Promise<CheckOutcome> {
  const { requiredSockets } = settings;
  if (requiredSockets.length === 0) return passed('no port is named in the settings');
  const problems = await Promise.all(
    requiredSockets.map(async (socket) => {
      const problem = await world.connect(socket.host, socket.port);
      return problem === undefined ? [] : [`${formatSocketAddress(socket)} does not answer: ${problem}`];
    }),
  );
  const fine = `somebody answers on ${requiredSockets.map(formatSocketAddress).join(', ')}`;
  return outcomeOf(problems.flat(), 'waiting', fine, REMEDY);
}

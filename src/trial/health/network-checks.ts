/**
 * Whether the machine has its network again: cards, addresses, and ways out. Addresses are compared by family, since
 * a DHCP server may give another one.
 * @module
 */
import type { DefaultRoute, InterfaceState } from '../../machine/network-state.ts';
import { mapReading } from '../../machine/source.ts';
import { type CheckOutcome, compare, type HealthCheck, outcomeOf, passed } from './check.ts';

const REMEDY = 'Look with `ip address` and `ip route`, and in the kernel log for the driver of the card.';

/** One interface of before, and what it is now. */
interface Pair {
  readonly before: InterfaceState;
  readonly now: InterfaceState | undefined;
}

export const NETWORK_CHECKS: readonly HealthCheck[] = [
  {
    id: 'network.interfaces',
    phase: 'network',
    isRequired: true,
    run: ({ world, baseline }) =>
      compare(baseline.interfaces, world.readInterfaces(), (before, now) =>
        judgeInterfaces(pairs(before, now)),
      ),
  },
  {
    id: 'network.addresses',
    phase: 'network',
    isRequired: true,
    run: ({ world, baseline }) =>
      compare(baseline.interfaces, world.readInterfaces(), (before, now) =>
        outcomeOf(
          pairs(before, now).flatMap(missingFamilies),
          'waiting',
          before.some(({ families }) => families.length > 0)
            ? 'every interface has addresses of the families it had'
            : 'no interface had an address before',
          REMEDY,
        ),
      ),
  },
  {
    id: 'network.routes',
    phase: 'network',
    isRequired: true,
    run: ({ world, baseline }) => {
      const had = baseline.interfaces.state === 'known' ? baseline.interfaces.value : [];
      const interfaces = mapReading(world.readInterfaces(), (now) => pairs(had, now));
      const renamed = interfaces.state === 'read' ? interfaces.value : [];
      return compare(baseline.defaultRoutes, world.readDefaultRoutes(), (before, now) =>
        judgeRoutes(before, now, renamed),
      );
    },
  },
];

/**
 * Names may be exchanged, so a card is followed by its address, as long as that is of this card alone: what is built upon
 * one has the same.
 */
function pairs(before: readonly InterfaceState[], now: readonly InterfaceState[]): readonly Pair[] {
  const named = new Map(now.map((each) => [each.name, each]));
  const kept = new Set(before.map(({ name }) => name).filter((name) => named.has(name)));
  const onlyOne = (list: readonly InterfaceState[], address: string) => {
    const found = list.filter(({ macAddress }) => macAddress === address);
    return found.length === 1 ? found[0] : undefined;
  };
  return before.map((each) => {
    const { macAddress } = each;
    const same = named.get(each.name);
    if (macAddress === null || same?.macAddress === macAddress) return { before: each, now: same };
    const followed = onlyOne(before, macAddress) && onlyOne(now, macAddress);
    const other = now.find(({ name, macAddress: address }) => !kept.has(name) && address === macAddress);
    return { before: each, now: followed ?? same ?? other };
  });
}

function judgeInterfaces(all: readonly Pair[]): CheckOutcome {
  const problems = all.flatMap(({ before, now }) => {
    if (now === undefined) return [`${before.name}${driverWords(before)} is not there`];
    return before.isUp && !now.isUp ? [`${now.name}${driverWords(now)} is not up`] : [];
  });
  if (all.length === 0) return passed('there were no interfaces before');
  return outcomeOf(problems, 'waiting', all.map(pairWords).join(', '), REMEDY);
}

function driverWords({ driver }: InterfaceState): string {
  return driver === null ? '' : ` (${driver})`;
}

/** What changed and does not matter by itself. */
function pairWords({ before, now }: Pair): string {
  const changes = [
    now?.name === before.name ? undefined : `was ${before.name}`,
    now?.driver === before.driver
      ? undefined
      : `driver ${now?.driver ?? 'none'}, before ${before.driver ?? 'none'}`,
  ].filter((change) => change !== undefined);
  const words = changes.length === 0 ? 'as before' : changes.join(', ');
  return `${now?.name} ${words}`;
}

function missingFamilies({ before, now }: Pair): string[] {
  return before.families
    .filter((family) => now?.families.includes(family) !== true)
    .map((family) => `${now?.name ?? before.name} has no ${family === 'ipv4' ? 'IPv4' : 'IPv6'} address`);
}

function judgeRoutes(
  before: readonly DefaultRoute[],
  now: readonly DefaultRoute[],
  renamed: readonly Pair[],
): CheckOutcome {
  const nameNow = (name: string) => renamed.find((pair) => pair.before.name === name)?.now?.name ?? name;
  const missing = before.filter(
    ({ family, interfaceName }) =>
      !now.some((each) => each.family === family && each.interfaceName === nameNow(interfaceName)),
  );
  const words = ({ family, interfaceName }: DefaultRoute) =>
    `${family === 'ipv4' ? 'IPv4' : 'IPv6'} through ${nameNow(interfaceName)}`;
  return outcomeOf(
    missing.map((route) => `there is no default route of ${words(route)}`),
    'waiting',
    before.length === 0
      ? 'there was no default route before'
      : `default routes: ${before.map(words).join(', ')}`,
    REMEDY,
  );
}

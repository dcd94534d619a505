/**
 * Cases of the checks of the phase `network`.
 * @module
 */
import type { InterfaceState } from '../../../src/machine/network-state.ts';
import { ETH0 } from '../../support/health-world.ts';
import { read } from '../../support/machine-facts.ts';
import { type CheckCase, GONE } from './check-case.ts';

/** A second card, without a cable. */
const SPARE: InterfaceState = {
  name: 'eth1',
  macAddress: '52:54:00:99:99:99',
  driver: 'virtio_net',
  isUp: false,
  families: [],
};

export const NETWORK_CASES: readonly CheckCase[] = [
  {
    id: 'network.interfaces',
    state: 'passed',
    situation: 'a card has another name and driver',
    now: { readInterfaces: () => read([{ ...ETH0, name: 'ens3', driver: 'new_net' }]) },
    says: /^ens3 was eth0, driver new_net, before virtio_net$/,
  },
  {
    id: 'network.addresses',
    state: 'waiting',
    situation: 'two cards have exchanged their names, and what was set up for the one is on the other',
    before: { readInterfaces: () => read([ETH0, SPARE]) },
    now: {
      readInterfaces: () =>
        read([
          { ...ETH0, macAddress: SPARE.macAddress },
          { ...SPARE, macAddress: ETH0.macAddress },
        ]),
    },
    says: /^eth1 has no IPv4 address; eth1 has no IPv6 address$/,
  },
  {
    id: 'network.addresses',
    state: 'passed',
    situation: 'two cards have exchanged their names, and what was set up has followed them',
    before: { readInterfaces: () => read([ETH0, SPARE]) },
    now: {
      readInterfaces: () =>
        read([
          { ...SPARE, name: 'eth0' },
          { ...ETH0, name: 'eth1' },
        ]),
    },
    says: /families it had/,
  },
  {
    id: 'network.addresses',
    state: 'passed',
    situation: 'a bridge has taken the address of its other card',
    before: { readInterfaces: () => read([{ ...ETH0, families: [] }, SPARE, { ...ETH0, name: 'br0' }]) },
    now: {
      readInterfaces: () =>
        read([{ ...ETH0, families: [] }, SPARE, { ...ETH0, name: 'br0', macAddress: SPARE.macAddress }]),
    },
    says: /families it had/,
  },
  {
    id: 'network.interfaces',
    state: 'passed',
    situation: 'there is one more card, and one is up that was not',
    before: { readInterfaces: () => read([ETH0, SPARE]) },
    now: { readInterfaces: () => read([ETH0, { ...SPARE, isUp: true }, { ...SPARE, name: 'eth2' }]) },
    says: /^eth0 as before, eth1 as before$/,
  },
  {
    id: 'network.addresses',
    state: 'passed',
    situation: 'there is another family as well',
    before: { readInterfaces: () => read([{ ...ETH0, families: ['ipv4'] }]) },
    now: {},
    says: /families it had/,
  },
  {
    id: 'network.routes',
    state: 'passed',
    situation: 'there is one more',
    now: {
      readDefaultRoutes: () =>
        read([
          { family: 'ipv6', interfaceName: 'eth0' },
          { family: 'ipv4', interfaceName: 'eth0' },
        ]),
    },
    says: /IPv4 through eth0/,
  },
  {
    id: 'network.interfaces',
    state: 'waiting',
    situation: 'a card is not there',
    now: { readInterfaces: () => read([{ ...ETH0, name: 'eth1', macAddress: '52:54:00:00:00:01' }]) },
    says: /eth0 \(virtio_net\) is not there/,
  },
  {
    id: 'network.interfaces',
    state: 'waiting',
    situation: 'a card is down',
    now: { readInterfaces: () => read([{ ...ETH0, isUp: false }]) },
    says: /eth0 \(virtio_net\) is not up/,
  },
  {
    id: 'network.interfaces',
    state: 'failed',
    situation: 'nobody can say',
    now: { readInterfaces: () => GONE },
    says: /EIO/,
  },
  {
    id: 'network.addresses',
    state: 'passed',
    situation: 'both families are there',
    now: {},
    says: /families it had/,
  },
  {
    id: 'network.addresses',
    state: 'waiting',
    situation: 'one family is missing',
    now: { readInterfaces: () => read([{ ...ETH0, name: 'ens3', families: ['ipv4'] }]) },
    says: /^ens3 has no IPv6 address$/,
  },
  {
    id: 'network.addresses',
    state: 'failed',
    situation: 'nobody can say',
    now: { readInterfaces: () => GONE },
    says: /EIO/,
  },
  {
    id: 'network.routes',
    state: 'passed',
    situation: 'the card of the route has another name',
    now: {
      readInterfaces: () => read([{ ...ETH0, name: 'ens3' }]),
      readDefaultRoutes: () => read([{ family: 'ipv4', interfaceName: 'ens3' }]),
    },
    says: /IPv4 through ens3/,
  },
  {
    id: 'network.routes',
    state: 'waiting',
    situation: 'only the other family has one',
    now: { readDefaultRoutes: () => read([{ family: 'ipv6', interfaceName: 'eth0' }]) },
    says: /no default route of IPv4 through eth0/,
  },
  {
    id: 'network.routes',
    state: 'failed',
    situation: 'nobody can say',
    now: { readDefaultRoutes: () => GONE },
    says: /EIO/,
  },
];

/**
 * Cases of the checks of the phases `network` and `services`, but for scripts.
 * @module
 */
import type { InterfaceState } from '../../../src/machine/network-state.ts';
import { ETH0, SSH, silentSystemd, systemd, UNITS, unit } from '../../support/health-world.ts';
import { absent, read, unreadable } from '../../support/machine-facts.ts';
import { type CheckCase, GONE } from './check-case.ts';

const refused = async () => 'ECONNREFUSED';
/** A second card, without a cable. */
const SPARE: InterfaceState = {
  name: 'eth1',
  macAddress: '52:54:00:99:99:99',
  driver: 'virtio_net',
  isUp: false,
  families: [],
};
const WITH_SSH = { settings: { requiredUnits: ['ssh.service'] } };
const WITH_HTTP = { settings: { requiredSockets: [{ host: '192.0.2.1', port: 80 }] } };

export const SERVICE_CASES: readonly CheckCase[] = [
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
  {
    id: 'services.units',
    state: 'passed',
    situation: 'a unit had failed before',
    now: {},
    says: /had not before/,
  },
  {
    id: 'services.units',
    state: 'waiting',
    situation: 'systemd does not answer',
    now: { units: silentSystemd(unreadable('systemctl list-units', 'timeout')) },
    says: /timeout/,
  },
  {
    id: 'services.units',
    state: 'failed',
    situation: 'another unit has failed',
    now: {
      units: systemd('degraded', [
        ...UNITS,
        unit('srv.mount', 'failed', 'failed'),
        unit('run-spool.mount', 'failed', 'failed'),
      ]),
    },
    says: /^srv\.mount has failed; run-spool\.mount has failed$/,
  },
  {
    id: 'services.units',
    state: 'passed',
    situation: 'only what belongs to a session, or was made for one occasion, has failed',
    now: {
      units: systemd('degraded', [
        ...UNITS,
        unit('user@1000.service', 'failed', 'failed'),
        unit('run-u12.service', 'failed', 'failed'),
        unit('session-3.scope', 'failed', 'failed'),
      ]),
    },
    says: /had not before/,
  },
  {
    id: 'services.units',
    state: 'passed',
    situation: 'only a unit has failed that khop keeps from loading a panic kernel',
    now: { units: systemd('degraded', [...UNITS, unit('kdump-tools.service', 'failed', 'failed')]) },
    says: /had not before/,
  },
  {
    id: 'services.active',
    state: 'passed',
    situation: 'only a unit is missing that khop keeps from loading a panic kernel',
    before: { units: systemd('running', [...UNITS, unit('kdump-tools.service')]) },
    now: {},
    says: /all active again/,
  },
  {
    id: 'services.units',
    state: 'waiting',
    situation: 'a service that ran before dies again and again',
    now: { units: systemd('running', [unit('ssh.service', 'activating', 'auto-restart-queued')]) },
    says: /^ssh\.service has ended and is to be started again/,
  },
  { id: 'services.active', state: 'passed', situation: 'all are', now: {}, says: /services: 1, all active/ },
  {
    id: 'services.active',
    state: 'waiting',
    situation: 'one is on its way',
    now: { units: systemd('starting', [unit('ssh.service', 'activating')]) },
    says: /ssh\.service is activating/,
  },
  {
    id: 'services.active',
    state: 'failed',
    situation: 'one has failed',
    now: { units: systemd('degraded', [unit('ssh.service', 'failed')]) },
    says: /ssh\.service is failed/,
  },
  { id: 'services.configured-units', state: 'passed', situation: 'none is named', now: {}, says: /no unit/ },
  {
    id: 'services.configured-units',
    state: 'passed',
    situation: 'it is active',
    now: {},
    ...WITH_SSH,
    says: /: ssh/,
  },
  {
    id: 'services.configured-units',
    state: 'waiting',
    situation: 'it is started again',
    now: { units: systemd('running', [unit('ssh.service', 'activating', 'auto-restart')]) },
    ...WITH_SSH,
    says: /activating \(auto-restart\)/,
  },
  {
    id: 'services.configured-units',
    state: 'failed',
    situation: 'it does not exist',
    now: { units: systemd('running', []) },
    ...WITH_SSH,
    says: /ssh\.service is not-found/,
  },
  {
    id: 'services.configured-units',
    state: 'failed',
    situation: 'there is no systemd',
    now: { units: silentSystemd(absent()) },
    ...WITH_SSH,
    says: /no systemd/,
  },
  {
    id: 'services.sockets',
    state: 'passed',
    situation: 'the machine has another address',
    before: { readSockets: () => read([{ ...SSH, address: '192.0.2.5' }]) },
    now: { readSockets: () => read([{ ...SSH, address: '192.0.2.9' }]) },
    says: /as before on 192\.0\.2\.5:22/,
  },
  {
    id: 'services.sockets',
    state: 'passed',
    situation: 'a firewall let nobody in before either',
    before: { connect: refused },
    now: { connect: refused },
    says: /as before/,
  },
  {
    id: 'services.sockets',
    state: 'passed',
    situation: 'somebody listens on all addresses without IPv6',
    before: { readSockets: () => read([{ ...SSH, address: '::' }]) },
    now: {
      readSockets: () => read([{ ...SSH, address: '::' }]),
      connect: async (host) => (host === '::1' ? 'EADDRNOTAVAIL' : undefined),
    },
    says: /as before on \[::\]:22/,
  },
  {
    id: 'services.sockets',
    state: 'waiting',
    situation: 'somebody listens on another port, or only for the machine itself',
    now: {
      readSockets: () =>
        read([
          { ...SSH, port: 2222 },
          { ...SSH, address: '127.0.0.1' },
        ]),
    },
    says: /nobody listens on 0\.0\.0\.0:22/,
  },
  {
    id: 'services.sockets',
    state: 'waiting',
    situation: 'somebody listens for others, and before for the machine itself',
    before: { readSockets: () => read([{ ...SSH, address: '127.0.0.1' }]) },
    now: { readSockets: () => read([{ ...SSH, address: '192.0.2.9' }]) },
    says: /nobody listens on 127\.0\.0\.1:22/,
  },
  {
    id: 'services.sockets',
    state: 'waiting',
    situation: 'somebody listens and does not answer',
    now: { connect: refused },
    says: /0\.0\.0\.0:22 does not answer: ECONNREFUSED/,
  },
  {
    id: 'services.sockets',
    state: 'failed',
    situation: 'nobody can say',
    now: { readSockets: () => GONE },
    says: /EIO/,
  },
  {
    id: 'services.configured-sockets',
    state: 'passed',
    situation: 'none is named',
    now: {},
    says: /no port/,
  },
  {
    id: 'services.configured-sockets',
    state: 'passed',
    situation: 'it answers',
    now: {},
    ...WITH_HTTP,
    says: /192\.0\.2\.1:80/,
  },
  {
    id: 'services.configured-sockets',
    state: 'waiting',
    situation: 'it does not answer',
    now: { connect: refused },
    ...WITH_HTTP,
    says: /192\.0\.2\.1:80 does not answer: ECONNREFUSED/,
  },
];

/**
 * Cases of the checks of the phase `services`, but for scripts.
 * @module
 */
import { SSH, silentSystemd, systemd, UNITS, unit } from '../../support/health-world.ts';
import { absent, read, unreadable } from '../../support/machine-facts.ts';
import { type CheckCase, GONE } from './check-case.ts';

const refused = async () => 'ECONNREFUSED';
const TIMED = {
  ...unit('fwupd-refresh.service', 'failed', 'failed'),
  triggeredBy: ['fwupd-refresh.timer'],
};
const WITH_SSH = { settings: { requiredUnits: ['ssh.service'] } };
const WITH_HTTP = { settings: { requiredSockets: [{ host: '192.0.2.1', port: 80 }] } };

export const SERVICE_CASES: readonly CheckCase[] = [
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
    state: 'failed',
    situation: 'a oneshot of the start has failed',
    now: { units: systemd('degraded', [...UNITS, unit('load-rules.service', 'failed', 'failed')]) },
    says: /^load-rules\.service has failed$/,
  },
  {
    id: 'services.units',
    state: 'passed',
    situation: 'only what a timer starts has failed',
    now: { units: systemd('degraded', [...UNITS, TIMED]) },
    says: /not counted, since a timer starts it: fwupd-refresh\.service$/,
  },
  {
    id: 'services.units',
    state: 'failed',
    situation: 'what a timer starts has failed, and was active before',
    before: { units: systemd('running', [...UNITS, unit('fwupd-refresh.service')]) },
    now: { units: systemd('degraded', [...UNITS, TIMED]) },
    says: /^fwupd-refresh\.service has failed$/,
  },
  {
    id: 'services.units',
    state: 'failed',
    situation: 'a unit has failed, and nobody can say who starts it',
    now: {
      units: {
        ...systemd('degraded', [...UNITS, TIMED]),
        show: async () => unreadable('systemctl show', 'timeout'),
      },
    },
    says: /^fwupd-refresh\.service has failed$/,
  },
  {
    id: 'services.units',
    state: 'passed',
    situation: 'only units have failed that may',
    now: { units: systemd('degraded', [...UNITS, unit('a@1.service', 'failed'), unit('b.mount', 'failed')]) },
    settings: { ignoredUnits: ['a@*.service', 'b.moun?'] },
    says: /had not before$/,
  },
  {
    id: 'services.units',
    state: 'failed',
    situation: 'a unit has failed whose name only resembles one that may',
    now: { units: systemd('degraded', [...UNITS, unit('xa-service', 'failed')]) },
    settings: { ignoredUnits: ['a.service', '?a.service'] },
    says: /^xa-service has failed$/,
  },
  {
    id: 'services.restarts',
    state: 'passed',
    situation: 'none was',
    now: {},
    says: /none of 1 services/,
  },
  {
    id: 'services.restarts',
    state: 'passed',
    situation: 'only one that was not active before waits to be started again',
    now: { units: systemd('running', [...UNITS, unit('new.service', 'activating', 'auto-restart')]) },
    says: /none of 1 services/,
  },
  {
    id: 'services.restarts',
    state: 'waiting',
    situation: 'one that ran before waits to be started again',
    now: { units: systemd('running', [unit('ssh.service', 'activating', 'auto-restart-queued')]) },
    says: /^ssh\.service has ended and is to be started again/,
  },
  {
    id: 'services.restarts',
    state: 'waiting',
    situation: 'nobody can say how often',
    now: { units: { ...systemd('running'), show: async () => unreadable('systemctl show', 'timeout') } },
    says: /systemctl show cannot be read: timeout/,
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

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findCause, type ReturnEvidence } from '../../src/trial/cause.ts';
import { SHUTDOWN_ASKED } from '../../src/trial/going-down.ts';
import { causeArgument } from '../../src/trial/trial-kernel.ts';
import { absent, read, unreadable } from '../support/machine-facts.ts';
import {
  NEW,
  NOW_MS,
  OLD,
  TRIAL_ARMING,
  TRIAL_CRASH,
  TRIAL_ID,
  trialTicket,
} from '../support/trial-world.ts';

const THROUGH_FIRMWARE: ReturnEvidence = {
  ticket: trialTicket(),
  commandLine: 'root=/dev/vda1',
  release: OLD,
  crashes: [],
  isCrashOfGuardian: false,
  askedShutdown: undefined,
  watchdogReset: read(false),
  persistentRecords: read([]),
};
const HOME = `khop.home=${TRIAL_ID}`;
const TOLD = causeArgument({ kind: 'unhealthy', detail: 'nginx: 100 % dead' });
const SHUTDOWN = /^the system was asked to shut down or to restart$/;
const ASKED = { cause: 'asked', detail: SHUTDOWN_ASKED } as const;
const AGENT = { kind: 'unhealthy', detail: 'nginx did not come up', atMs: NOW_MS };

/** Nobody there has written anything. */
const EARLY = trialTicket({ phase: 'jumping', phases: [] });

const BY_GUARDIAN = {
  commandLine: `khop.guard=${TRIAL_ARMING},1,1795912100`,
  crashes: [{ ...TRIAL_CRASH, summary: 'crash asked for through sysrq' }],
  isCrashOfGuardian: true,
};

const CASES: readonly (readonly [string, Partial<ReturnEvidence>, string, RegExp])[] = [
  ['what the agent wrote', { ticket: trialTicket({ cause: AGENT }) }, 'unhealthy', /^nginx did not come up$/],
  [
    'what the agent wrote, and that it died on the way',
    { ticket: trialTicket({ cause: AGENT }), crashes: [TRIAL_CRASH] },
    'unhealthy',
    /; on its way home the kernel died: NULL pointer/,
  ],
  [
    'a word of a newer khop',
    { ticket: trialTicket({ cause: { ...AGENT, kind: 'too-slow' } }) },
    'unhealthy',
    /^too-slow: /,
  ],
  ['khop back', { ticket: trialTicket({ cause: { ...AGENT, kind: 'asked' } }) }, 'asked', /./],
  ['a crash report', { crashes: [TRIAL_CRASH] }, 'panic', /^NULL pointer .* \(khop crashes show 2027/],
  [
    'a crash without a report',
    { crashes: [{ ...TRIAL_CRASH, id: TRIAL_ARMING }] },
    'panic',
    /^NULL pointer [a-z ]+$/,
  ],
  [
    'the guardian whose jump hung',
    { ...BY_GUARDIAN, ticket: trialTicket({ phase: 'jumping', phases: [] }) },
    'stuck-boot',
    /^the agent did not run in time.*; its way home did not get out of the drivers, and the guardian had/,
  ],
  [
    'the guardian whose jump hung later',
    BY_GUARDIAN,
    'unconfirmed',
    /^nobody confirmed.*; its way home did not/,
  ],
  [
    'the guardian, without a ticket',
    { ...BY_GUARDIAN, ticket: undefined },
    'ticket',
    /^the ticket was gone.*; its way home did not/,
  ],
  [
    'what the agent wrote, and that the guardian had to end it',
    { ...BY_GUARDIAN, ticket: trialTicket({ cause: AGENT }) },
    'unhealthy',
    /^nginx did not come up; its way home did not get out of the drivers/,
  ],
  [
    'a panic kernel without a report',
    { commandLine: `khop.guard=${TRIAL_ARMING},1,1795912100` },
    'panic',
    /no report came with it/,
  ],
  [
    'the guardian',
    { commandLine: HOME, ticket: trialTicket({ phase: 'jumping', phases: [] }) },
    'stuck-boot',
    /guardian/,
  ],
  [
    'what the command line says where the disk took nothing',
    { commandLine: `${HOME} ${TOLD}` },
    'unhealthy',
    /^nginx: 100 % dead \(which could not be written/,
  ],
  [
    'what the disk says, before the command line',
    { commandLine: `${HOME} ${TOLD}`, ticket: trialTicket({ cause: { ...AGENT, kind: 'asked' } }) },
    'asked',
    /^nginx did not come up$/,
  ],
  ['what is told of another trial', { commandLine: `khop.home=0000000000000000 ${TOLD}` }, 'firmware', /./],
  ['an agent that could not write', { commandLine: HOME }, 'unconfirmed', /as far as the disk says/],
  [
    'an agent that could not write earlier',
    { commandLine: HOME, ticket: trialTicket({ phase: 'network', phases: [] }) },
    'deadline',
    /^the network was not there in time/,
  ],
  ['a ticket that no kernel could read', { commandLine: HOME, ticket: undefined }, 'ticket', /./],
  ['a watchdog', { watchdogReset: read(true, '/sys/class/watchdog/watchdog0') }, 'watchdog', /watchdog0/],
  [
    'words that survived a reset',
    { persistentRecords: read([NOW_MS, NOW_MS], '/sys/fs/pstore') },
    'panic',
    /^\/sys\/fs\/pstore holds 2 records/,
  ],
  ['a shutdown that was asked for', { askedShutdown: ASKED }, 'asked', SHUTDOWN],
  ['a restart that was asked for, by kexec', { askedShutdown: ASKED, commandLine: HOME }, 'asked', SHUTDOWN],
  [
    'the guardian, who ended a shutdown that was asked for',
    { ...BY_GUARDIAN, askedShutdown: ASKED },
    'asked',
    /^the system was asked to shut down or to restart; its way home did not/,
  ],
  [
    'what the agent wrote, before a shutdown that was asked for',
    { ticket: trialTicket({ cause: AGENT }), askedShutdown: ASKED },
    'unhealthy',
    /^nginx did not come up$/,
  ],
  [
    'what the command line says, before a shutdown that was asked for',
    { commandLine: `${HOME} ${TOLD}`, askedShutdown: ASKED },
    'unhealthy',
    /^nginx: 100 % dead/,
  ],
  ['a crash in a shutdown', { crashes: [TRIAL_CRASH], askedShutdown: ASKED }, 'panic', /^NULL pointer/],
  [
    'a crash in a shutdown without a report',
    { commandLine: `khop.guard=${TRIAL_ARMING},1,1795912100`, askedShutdown: ASKED },
    'panic',
    /no report came with it/,
  ],
  [
    'a watchdog in a shutdown',
    { watchdogReset: read(true, '/sys/class/watchdog/watchdog0'), askedShutdown: ASKED },
    'watchdog',
    /watchdog0/,
  ],
  [
    'words that survived the end of a shutdown',
    { persistentRecords: read([NOW_MS], '/sys/fs/pstore'), askedShutdown: ASKED },
    'panic',
    /^\/sys\/fs\/pstore holds a record/,
  ],
  ['nothing', {}, 'firmware', /by a power cut, a reset or a reboot, in phase proof; it was no watchdog$/],
  [
    'nothing before the agent ran',
    { ticket: EARLY },
    'firmware',
    /before the agent ran: on the way down, or early in that kernel; it was no watchdog$/,
  ],
  [
    'nothing before the agent ran in a kernel that was told to restart',
    { ticket: { ...EARLY, commandLine: `${EARLY.commandLine} panic=10 rd.emergency=reboot` } },
    'firmware',
    /early in that kernel, which restarts by itself when it panics before its first program or finds no root; it/,
  ],
  ['nothing and a ticket that is damaged', { ticket: undefined }, 'firmware', /nothing says when/],
];

for (const [what, evidence, cause, detail] of CASES)
  test(`the cause by ${what} is ${cause}`, () => {
    const found = findCause({ ...THROUGH_FIRMWARE, ...evidence });
    assert.equal(found.cause, cause);
    assert.match(found.detail, detail);
  });

test('behind a kexec neither an old status of a watchdog nor old words count', () => {
  const found = findCause({
    ...THROUGH_FIRMWARE,
    ticket: trialTicket({ phase: 'jumping', phases: [] }),
    ...{ commandLine: HOME, watchdogReset: read(true), persistentRecords: read([NOW_MS]) },
  });
  assert.equal(found.cause, 'stuck-boot');
});

test('words that are older than the trial are of another kernel', () => {
  const persistentRecords = read([NOW_MS - 3_600_000]);
  assert.equal(findCause({ ...THROUGH_FIRMWARE, persistentRecords }).cause, 'firmware');
  assert.equal(findCause({ ...THROUGH_FIRMWARE, ticket: undefined, persistentRecords }).cause, 'firmware');
});

test('another trial’s way home and another arming are no evidence', () => {
  for (const commandLine of ['khop.home=0000000000000000', 'khop.guard=0000000000000000,1,5'])
    assert.equal(findCause({ ...THROUGH_FIRMWARE, commandLine }).cause, 'firmware');
});

test('the phase is the last one that was reached, not that it was left', () => {
  const ticket = trialTicket({
    phase: 'returning',
    phases: ['system', 'services', 'returning', 'home-orderly'].map((phase) => ({ phase, atMs: 0, upMs: 0 })),
  });
  assert.equal(findCause({ ...THROUGH_FIRMWARE, ticket }).phase, 'services');
  assert.equal(findCause({ ...THROUGH_FIRMWARE, ticket: undefined }).phase, 'jumping');
});

test('what could not be looked at is said, and a kernel that is not home, too', () => {
  const early = trialTicket({ phase: 'jumping', phases: [] });
  const detail = (over: Partial<ReturnEvidence>): string =>
    findCause({ ...THROUGH_FIRMWARE, ticket: early, ...over }).detail;
  assert.match(detail({ watchdogReset: unreadable() }), /could not be read: EACCES/);
  assert.match(detail({ watchdogReset: absent() }), /no watchdog could say/);
  assert.match(detail({ release: NEW }), /started is 6\.12\.9-amd64, not the known-good 6\.1\.0/);
  assert.match(detail({}), /before the agent ran/);
  assert.match(detail({ ticket: trialTicket({}, { step: 'loaded' }) }), /that kernel never ran/);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KexecFacts, MachineFacts } from '../../src/machine/facts.ts';
import { chooseMethod, type MethodAnswer, type MethodQuestion } from '../../src/plan/choose-method.ts';
import { absent, healthyMachine, read, unreadable } from '../support/machine-facts.ts';

function kexec(over: Partial<KexecFacts>): Partial<MachineFacts> {
  return { kexec: { ...healthyMachine().kexec, ...over } };
}

function choose(machine: Partial<MachineFacts> = {}, over: Partial<MethodQuestion> = {}): MethodAnswer {
  return chooseMethod({
    machine: healthyMachine(machine),
    slot: 'normal',
    asked: 'auto',
    fileObstacles: [],
    segmentObstacles: [],
    ...over,
  });
}

test('kexec_file_load comes first, and what was asked for is what is taken', () => {
  assert.equal(choose().method, 'file');
  assert.deepEqual(choose({}, { asked: 'segments' }), {
    method: 'segments',
    reason: 'kexec_load with own segments was asked for.',
  });
  assert.equal(choose({}, { asked: 'file' }).method, 'file');
});

test('segments are taken where the other call is missing, closed or cannot load the image', () => {
  const missing = kexec({ kexecFileLoad: read({ state: 'missing' }) });
  assert.match(choose(missing).reason, /only way: the running kernel has no kexec_file_load/);
  const denied = kexec({ kexecFileLoad: read({ state: 'denied', errno: 'EPERM' }) });
  assert.match(choose(denied).reason, /kexec_file_load is denied \(EPERM\)/);
  assert.match(choose({}, { fileObstacles: ['it is an ELF file'] }).reason, /only way: it is an ELF file/);
});

test('who lacks only CAP_SYS_BOOT can still see the plan', () => {
  const denied = read({ state: 'denied', errno: 'EPERM' } as const);
  const facts = { ...kexec({ kexecFileLoad: denied }), capabilities: read(new Set(['net_admin'])) };
  assert.equal(choose(facts).method, 'file');
});

const gates: readonly [string, Partial<MachineFacts>, Partial<MethodQuestion>, RegExp][] = [
  ['kexec_load_disabled', kexec({ loadDisabled: read(true) }), {}, /kernel\.kexec_load_disabled is 1/],
  ['the limit of loads', kexec({ loadLimitReboot: read(0) }), {}, /kexec_load_limit_reboot is used up/],
  [
    'the panic limit',
    kexec({ loadLimitPanic: read(0) }),
    { slot: 'crash' },
    /kexec_load_limit_panic is used up/,
  ],
  [
    'paravirtual Xen',
    {
      hypervisor: read('xen'),
      bootParams: read(Uint8Array.from({ length: 4096 }, (_none, at) => (at === 0x23c ? 2 : 0))),
    },
    {},
    /paravirtual Xen guest/,
  ],
  [
    'lockdown with an image that only kexec_load takes',
    { lockdown: read('confidentiality') },
    { fileObstacles: ['it is an ELF file'] },
    /it is an ELF file; lockdown=confidentiality forbids kexec_load/,
  ],
  [
    'a kernel with neither call',
    kexec({ kexecFileLoad: read({ state: 'missing' }), kexecLoad: read({ state: 'missing' }) }),
    {},
    /has no kexec_file_load; the running kernel has no kexec_load/,
  ],
  ['segments under lockdown', { lockdown: read('integrity') }, { asked: 'segments' }, /lockdown=integrity/],
  ['file for an ELF file', {}, { asked: 'file', fileObstacles: ['it is an ELF file'] }, /it is an ELF file/],
];

for (const [what, machine, question, message] of gates)
  test(`refuses ${what}, by name`, () => {
    assert.throws(() => choose(machine, question), { code: 'E_PLAN', message });
  });

test('the other slot’s limit, an unlimited one, and a fully virtual Xen guest close nothing', () => {
  assert.equal(choose(kexec({ loadLimitPanic: read(0), loadLimitReboot: read(-1) })).method, 'file');
  assert.equal(choose({ hypervisor: read('xen') }).method, 'file');
});

test('what cannot be read closes nothing here: the preflight counts it', () => {
  const unknown = kexec({
    loadDisabled: unreadable(),
    loadLimitReboot: absent(),
    kexecFileLoad: absent(),
    kexecLoad: unreadable(),
  });
  assert.equal(choose({ ...unknown, lockdown: unreadable() }).method, 'file');
});

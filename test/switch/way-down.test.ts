import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Reading } from '../../src/machine/reading.ts';
import { valueOf } from '../../src/machine/reading.ts';
import { ticketPath } from '../../src/switch/state-paths.ts';
import { encodeTicket, type Ticket } from '../../src/switch/ticket.ts';
import { refuseBesideSwitch } from '../../src/switch/way-down.ts';
import { absent, healthyMachine, read, unreadable } from '../support/machine-facts.ts';
import { quietWorld } from '../support/switch-world.ts';
import { buildTree } from '../support/tree-builder.ts';

const HERE = valueOf(healthyMachine().bootId) ?? '';

const LEAVING: Ticket = {
  ...{ version: 2, id: '0123456789abcdef', step: 'leaving', fromBootId: HERE, fromRelease: '6.1' },
  ...{ toRelease: '6.12', toTitle: 'Linux 6.12', image: '/i', method: 'file', optimisations: [] },
  ...{ commandLine: 'ro', requestedAtMs: 1, loadedAtMs: 2, leftAtMs: 3, shutdown: 'systemd', trial: null },
};

/** Whether something may be loaded beside that ticket, when systemd answers so. */
async function refusal(ticket: string | undefined, state: Reading<string>, machine = healthyMachine()) {
  using tree = buildTree({ 'state/': '' });
  const world = quietWorld(tree.root, [], { readMachine: () => machine });
  if (ticket !== undefined) world.files.write(ticketPath(world.folders), ticket);
  const units = { systemState: async () => state };
  return await refuseBesideSwitch(world, units, 'nothing was loaded').then(
    () => undefined,
    (error: unknown) => error,
  );
}

const STOPPING = read('stopping', 'systemctl is-system-running');

test('on the way down to a kernel, it stays loaded', async () => {
  const message =
    'this system is on its way down to Linux 6.12, which has to stay loaded: nothing was loaded';
  const text = encodeTicket(LEAVING);
  for (const state of [STOPPING, unreadable('systemctl'), absent('/run/systemd/system')]) {
    const error = await refusal(text, state);
    assert.deepEqual({ code: 'E_STATE', message }, pick(error), state.state);
  }
  // The process that takes the system down by itself was ended, and nobody says how far it came.
  const own = encodeTicket({ ...LEAVING, shutdown: 'own' });
  assert.equal(pick(await refusal(own, read('running', 'systemctl')))?.code, 'E_STATE');
  const unknown = healthyMachine({ bootId: unreadable('/proc/sys/kernel/random/boot_id') });
  assert.equal(pick(await refusal(text, STOPPING, unknown))?.code, 'E_STATE');
});

test('no ticket, one whose way down has not begun, was taken back or was in another boot keeps nobody from loading', async () => {
  assert.equal(await refusal(undefined, STOPPING), undefined);
  assert.equal(await refusal('not json', STOPPING), undefined);
  assert.equal(await refusal(encodeTicket({ ...LEAVING, step: 'loaded' }), STOPPING), undefined);
  assert.equal(await refusal(encodeTicket({ ...LEAVING, fromBootId: 'earlier' }), STOPPING), undefined);
  assert.equal(await refusal(encodeTicket(LEAVING), read('running', 'systemctl')), undefined);
});

function pick(error: unknown): { code: string; message: string } | undefined {
  return error instanceof Error && 'code' in error
    ? { code: String(error.code), message: error.message }
    : undefined;
}

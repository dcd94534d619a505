import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import type { GuardWorld } from '../../src/guard/world.ts';
import { reusableCommandLine } from '../../src/plan/command-line.ts';
import { addParameters, withoutAddedParameters } from '../../src/switch/added-parameters.ts';
import { loadPlan, readLoadedRecord, unload } from '../../src/switch/load.ts';
import { agreedPlan, propose } from '../../src/switch/proposal.ts';
import { encodeTicket } from '../../src/switch/ticket.ts';
import type { StateFiles, SwitchWorld } from '../../src/switch/world.ts';
import { goHome } from '../../src/trial/go-home.ts';
import { loadHome } from '../../src/trial/load-home.ts';
import { causeOn } from '../../src/trial/trial-kernel.ts';
import { healthyMachine, read } from '../support/machine-facts.ts';
import { buildBoot, type PreparedBoot } from '../support/prepared-boot.ts';
import { quietWorld } from '../support/switch-world.ts';
import { machineOnTrial, TRIAL_ID, trialTicket, trialWorld } from '../support/trial-world.ts';

/** For this start alone, where the known-good kernel's own command line has nothing of it. */
const RESTARTS =
  ' panic=11 rd.emergency=reboot rd.shell=0 khop.added=panic=11,rd.emergency=reboot,rd.shell=0';
const ADDED = [`khop.trial=${TRIAL_ID}`, 'rdinit=/khop/first', 'panic=10'];

/** A kernel on trial whose home is a kernel by its path. @param loads gets a line for each load */
function onTrial(boot: PreparedBoot, loads: string[]): SwitchWorld {
  const { kexec } = healthyMachine();
  const commandLine = read(addParameters(`root=/dev/vda1 khop.switch=${TRIAL_ID}`, ADDED));
  const machine = machineOnTrial({ kexec: { ...kexec, loaded: read(true) }, commandLine });
  const quiet = quietWorld(boot.root, [], { readMachine: () => machine });
  const segmentsLoad = () => void loads.push('segments');
  const fileLoad: SwitchWorld['kexec']['fileLoad'] = (load) => void loads.push(load.commandLine);
  return { ...quiet, kexec: { ...quiet.kexec, segmentsLoad, fileLoad } };
}

function ticketOf(boot: PreparedBoot) {
  return trialTicket({ home: { id: boot.image, title: 'Old', release: null } });
}

test('the known-good kernel is loaded with ordinary parameters, told which trial it comes home from, and restarts when it fails', () => {
  using boot = buildBoot();
  const loads: string[] = [];
  const world = onTrial(boot, loads);
  const ticket = ticketOf(boot);
  world.files.write(`${world.folders.state}/trial.json`, encodeTicket(ticket));
  loadHome(world, ticket);
  const record = readLoadedRecord(world, 'normal', 'trial-boot');
  assert.equal(loads.length, 1);
  assert.equal(record?.by, 'khop trial');
  assert.equal(record?.commandLine, `root=/dev/vda1 khop.home=${TRIAL_ID}${RESTARTS}`);
});

test('why it goes home is on the command line where the disk does not take it, and not on that of the next kernel', () => {
  using boot = buildBoot();
  const world = onTrial(boot, []);
  const ticket = ticketOf(boot);
  world.files.write(`${world.folders.state}/trial.json`, encodeTicket(ticket));
  loadHome(world, ticket, { kind: 'unhealthy', detail: 'system.root-writable: / is mounted "read-only"' });
  const { commandLine } = readLoadedRecord(world, 'normal', 'trial-boot')!;
  assert.equal(
    commandLine,
    `root=/dev/vda1 khop.home=${TRIAL_ID} khop.cause=unhealthy:system.root-writable%3A%20%2F%20is%20mounted%20%22read-only%22${RESTARTS}`,
  );
  const next = withoutAddedParameters(reusableCommandLine(commandLine, 'normal'));
  assert.equal(next, 'root=/dev/vda1');
});

test('going home from a disk that cannot be written loads the known-good kernel again, with the cause', async () => {
  for (const isWritable of [true, false]) {
    using boot = buildBoot();
    const loads: string[] = [];
    using guard = trialWorld(machineOnTrial());
    const base: GuardWorld = { ...guard.world, ...onTrial(boot, loads) };
    base.files.write(`${base.folders.state}/trial.json`, encodeTicket(ticketOf(boot)));
    const write: StateFiles['write'] = (path, text) => {
      if (!isWritable && path.startsWith(base.folders.state)) throw new Error('EROFS: read-only file system');
      base.files.write(path, text);
    };
    const gone = new Error('the machine ends');
    const shutdown = { ...base.shutdown, throughServiceManager: () => Promise.reject(gone) };
    const world = { ...base, files: { ...base.files, write }, shutdown, remark: () => undefined };
    const calls = { crashKernel: () => undefined, wait: async () => undefined, sayLeaving: () => undefined };
    const order = { cause: 'unhealthy', detail: 'disk full', orderlyMs: 1 } as const;
    await assert.rejects(goHome(world, calls, order), /the machine ends/);
    assert.equal(loads.length, isWritable ? 0 : 1);
    const record = readLoadedRecord(world, 'normal', 'trial-boot');
    const told = causeOn(record?.commandLine ?? '');
    assert.deepEqual(told, isWritable ? undefined : { kind: 'unhealthy', detail: 'disk full' });
  }
});

test('nothing else is loaded or unloaded by a kernel on trial', () => {
  using boot = buildBoot();
  const loads: string[] = [];
  const world = onTrial(boot, loads);
  world.files.write(`${world.folders.state}/trial.json`, encodeTicket(ticketOf(boot)));
  const plan = agreedPlan(propose(world, boot.image, { reuseCmdline: true, isUnchecked: true }));
  for (const change of [
    () => void loadPlan(world, plan, { by: 'khop load', optimisations: [] }),
    () => unload(world, 'normal'),
    () => unload(world, 'crash'),
  ])
    assert.throws(change, { code: 'E_STATE', message: /is on trial/ });
  assert.deepEqual(loads, []);
});

test('a home whose files are gone cannot be loaded', () => {
  using boot = buildBoot();
  const world = onTrial(boot, []);
  const home = { id: `${boot.image}-gone`, title: 'Old', release: null };
  assert.throws(() => loadHome(world, trialTicket({ home })), KhopError);
});

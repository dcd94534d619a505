import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import { digestFiles } from '../../src/guard/drift.ts';
import type { GuardWorld } from '../../src/guard/world.ts';
import { reusableCommandLine } from '../../src/plan/command-line.ts';
import { addParameters, withoutAddedParameters } from '../../src/switch/added-parameters.ts';
import { loadPlan, readLoadedRecord, unload } from '../../src/switch/load.ts';
import { agreedPlan, propose } from '../../src/switch/proposal.ts';
import { ticketPath } from '../../src/switch/state-paths.ts';
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
  const segmentsLoad = async () => void loads.push('segments');
  const fileLoad: SwitchWorld['kexec']['fileLoad'] = async (load) => void loads.push(load.commandLine);
  return { ...quiet, kexec: { ...quiet.kexec, segmentsLoad, fileLoad } };
}

function ticketOf(boot: PreparedBoot) {
  return trialTicket({ home: { id: boot.image, title: 'Old', release: null } });
}

test('the known-good kernel is loaded with ordinary parameters, told which trial it comes home from, and restarts when it fails', async () => {
  using boot = buildBoot();
  const loads: string[] = [];
  const world = onTrial(boot, loads);
  const ticket = ticketOf(boot);
  world.files.write(`${world.folders.state}/trial.json`, encodeTicket(ticket));
  await loadHome(world, ticket);
  const record = readLoadedRecord(world, 'normal', 'trial-boot');
  assert.equal(loads.length, 1);
  assert.equal(record?.by, 'khop trial');
  assert.equal(record?.commandLine, `root=/dev/vda1 khop.home=${TRIAL_ID}${RESTARTS}`);
});

test('why it goes home is on the command line where the disk does not take it, and not on that of the next kernel', async () => {
  using boot = buildBoot();
  const world = onTrial(boot, []);
  const ticket = ticketOf(boot);
  world.files.write(`${world.folders.state}/trial.json`, encodeTicket(ticket));
  await loadHome(world, ticket, {
    kind: 'unhealthy',
    detail: 'system.root-writable: / is mounted "read-only"',
  });
  const { commandLine } = readLoadedRecord(world, 'normal', 'trial-boot')!;
  assert.equal(
    commandLine,
    `root=/dev/vda1 khop.home=${TRIAL_ID} khop.cause=unhealthy:system.root-writable%3A%20%2F%20is%20mounted%20%22read-only%22${RESTARTS}`,
  );
  const next = withoutAddedParameters(reusableCommandLine(commandLine, 'normal'));
  assert.equal(next, 'root=/dev/vda1');
});

/** How the disk is on the way home. */
interface Disk {
  readonly isWritable: boolean;
  /** What the ticket says of the home's files; undefined: nothing, as those of an older khop. */
  readonly files?: readonly { readonly path: string; readonly sha256: string }[] | undefined;
  /** Whether the ticket is none any more that this kernel can read, and who goes home has read it before. */
  readonly isDamaged?: boolean;
}

/** @returns how often the known-good kernel was loaded again, and the remarks */
async function leaveFrom(boot: PreparedBoot, { isWritable, files, isDamaged = false }: Disk) {
  const loads: string[] = [];
  const remarks: string[] = [];
  using guard = trialWorld(machineOnTrial());
  const base: GuardWorld = { ...guard.world, ...onTrial(boot, loads) };
  const { home } = ticketOf(boot).trial;
  const told = files === undefined ? home : { ...home, files: [...files] };
  const ticket = trialTicket({ home: told });
  base.files.write(ticketPath(base.folders), isDamaged ? 'junk' : encodeTicket(ticket));
  const write: StateFiles['write'] = (path, text) => {
    if (!isWritable && path.startsWith(base.folders.state)) throw new Error('EROFS: read-only file system');
    base.files.write(path, text);
  };
  const gone = new Error('the machine ends');
  const shutdown = { ...base.shutdown, throughServiceManager: () => Promise.reject(gone) };
  const remark = (line: string) => void remarks.push(line);
  const world = { ...base, files: { ...base.files, write }, shutdown, remark };
  const calls = { crashKernel: () => undefined, wait: async () => undefined, sayLeaving: () => undefined };
  const known = isDamaged ? { ticket } : {};
  const order = { cause: 'unhealthy', detail: 'disk full', orderlyMs: 1, ...known } as const;
  await assert.rejects(goHome(world, calls, order), /the machine ends/);
  const record = readLoadedRecord(world, 'normal', 'trial-boot');
  return { loads: loads.length, told: causeOn(record?.commandLine ?? ''), remarks: remarks.join('\n') };
}

test('going home from a disk that cannot be written loads the known-good kernel again, with the cause', async () => {
  using boot = buildBoot();
  const files = digestFiles([boot.image, boot.initrd]);
  const written = await leaveFrom(boot, { isWritable: true, files });
  assert.deepEqual([written.loads, written.told], [0, undefined]);
  const refused = await leaveFrom(boot, { isWritable: false, files });
  assert.deepEqual([refused.loads, refused.told], [1, { kind: 'unhealthy', detail: 'disk full' }]);
});

test('a ticket that cannot be read here takes no cause either: the known-good kernel is told, which may read it', async () => {
  using boot = buildBoot();
  const files = digestFiles([boot.image, boot.initrd]);
  const { loads, told } = await leaveFrom(boot, { isWritable: true, files, isDamaged: true });
  assert.deepEqual([loads, told], [1, { kind: 'unhealthy', detail: 'disk full' }]);
});

test('the known-good kernel in memory stays where the disk has another, or none that anybody knows', async () => {
  using boot = buildBoot();
  const files = digestFiles([boot.image, boot.initrd]);
  const changed = [files[0]!, { path: boot.initrd, sha256: '0'.repeat(64) }];
  for (const before of [changed, files.slice(0, 1), [], undefined]) {
    const { loads, remarks } = await leaveFrom(boot, { isWritable: false, files: before });
    assert.equal(loads, 0);
    assert.match(remarks, /its files are not known to be what they were before the jump/);
  }
  for (const [path, said] of [
    [boot.initrd, /its files are not known to be what they were/],
    [boot.image, /Nor could the known-good kernel be told: \S/],
  ] as const) {
    rmSync(path);
    const { loads, remarks } = await leaveFrom(boot, { isWritable: false, files });
    assert.equal(loads, 0, 'what cannot be read is no match');
    assert.match(remarks, said);
  }
});

test('nothing else is loaded or unloaded by a kernel on trial', async () => {
  using boot = buildBoot();
  const loads: string[] = [];
  const world = onTrial(boot, loads);
  world.files.write(`${world.folders.state}/trial.json`, encodeTicket(ticketOf(boot)));
  const plan = agreedPlan(propose(world, boot.image, { reuseCmdline: true, isUnchecked: true }));
  for (const change of [
    () => loadPlan(world, plan, { by: 'khop load', optimisations: [] }),
    async () => unload(world, 'normal'),
    async () => unload(world, 'crash'),
  ])
    await assert.rejects(change, { code: 'E_STATE', message: /is on trial/ });
  assert.deepEqual(loads, []);
});

test('a home whose files are gone cannot be loaded', async () => {
  using boot = buildBoot();
  const world = onTrial(boot, []);
  const home = { id: `${boot.image}-gone`, title: 'Old', release: null };
  await assert.rejects(loadHome(world, trialTicket({ home })), KhopError);
});

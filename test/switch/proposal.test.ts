import assert from 'node:assert/strict';
import { test } from 'node:test';
import { valueOf } from '../../src/machine/reading.ts';
import { addParameters } from '../../src/switch/added-parameters.ts';
import { DEFAULT_CONFIGURATION } from '../../src/switch/configuration.ts';
import { lastingCommandLine, type ProposalOptions, propose } from '../../src/switch/proposal.ts';
import type { SwitchWorld } from '../../src/switch/world.ts';
import { segmentOf } from '../support/load-requests.ts';
import { healthyMachine, read } from '../support/machine-facts.ts';
import { buildBoot, type PreparedBoot } from '../support/prepared-boot.ts';
import { quietWorld } from '../support/switch-world.ts';

const RUNNING = 'BOOT_IMAGE=/vmlinuz root=/dev/vda1 khop.trial=1111111111111111 khop.switch=2222222222222222';
const ID = '0123456789abcdef';
const LINE = 'root=/dev/vda1';

function worldOf(boot: PreparedBoot, commandLine: string, over: Partial<SwitchWorld> = {}): SwitchWorld {
  const machine = healthyMachine({ commandLine: read(commandLine) });
  return quietWorld(boot.root, [], { readMachine: () => machine, ...over });
}

/** The command line that comes out. */
function lineFor(options: ProposalOptions, running = RUNNING, over: Partial<SwitchWorld> = {}): string {
  using boot = buildBoot();
  const { plan } = propose(worldOf(boot, running, over), boot.image, options);
  return plan?.commandLine ?? '';
}

test('what is added for one boot comes last, with its note, and what was added before goes', () => {
  const running = addParameters(RUNNING, ['rdinit=/khop/first', 'panic=10']);
  assert.equal(
    lineFor(
      { reuseCmdline: true, append: ['own'], switchId: ID, added: ['panic=10', 'khop.trial=3'] },
      running,
    ),
    `root=/dev/vda1 own khop.switch=${ID} panic=10 khop.trial=3 khop.added=panic=10,khop.trial=3`,
  );
  assert.equal(lineFor({ reuseCmdline: true }, running), 'root=/dev/vda1');
});

test('the kernel of a switch is told of a watchdog that is locked, for this one start', () => {
  const device = { vendorId: 0x8086, deviceId: 0x25ab, classCode: 0x088000, driver: undefined };
  const pciDevices = read([{ address: '0000:00:05.0', ...device }]);
  const machine = healthyMachine({ commandLine: read(LINE), pciDevices });
  const [locked, free] = [0x03, 0x01].map((byte) => ({
    readMachine: () => machine,
    readPciByte: () => read(byte),
  }));
  const options = { commandLine: LINE, switchId: ID };
  const added = 'i6300esb.heartbeat=300 khop.added=i6300esb.heartbeat=300';
  assert.equal(lineFor(options, LINE, locked), `${LINE} khop.switch=${ID} ${added}`);
  assert.equal(lineFor(options, LINE, free), `${LINE} khop.switch=${ID}`);
  // Its guardian has it, and another time.
  const onTrial = { ...options, added: ['i6300esb.heartbeat=30'] };
  assert.match(lineFor(onTrial, LINE, locked), /heartbeat=300 i6300esb\.heartbeat=30 khop\.added=/);
  const next = { ...locked, readMachine: () => ({ ...machine, commandLine: read(`${LINE} ${added}`) }) };
  assert.equal(lineFor({ reuseCmdline: true }, LINE, next), LINE);
});

test('a file gets the running command line without how the running kernel came to run', () => {
  const told = 'khop.guard=1111111111111111,1,1700000000 khop.home=1111111111111111 khop.continue=1';
  assert.equal(lineFor({}, `${RUNNING} ${told} quiet`), 'root=/dev/vda1 quiet');
  assert.equal(lineFor({ reuseCmdline: true }, `${RUNNING} ${told} quiet`), 'root=/dev/vda1 quiet');
});

test('a fast switch adds to what a trial adds, and one note names both', () => {
  const line = lineFor({ commandLine: LINE, fast: true, added: ['panic=10'] });
  assert.match(line, /^root=\/dev\/vda1 panic=10 \S.* khop\.added=panic=10,\S+$/);
  assert.equal(line.match(/khop\.added=/g)?.length, 1);
});

test('the lasting command line is what comes out without what is added for one boot', () => {
  using boot = buildBoot();
  const configuration = { ...DEFAULT_CONFIGURATION, append: 'always', drop: ['quiet'] };
  const world = worldOf(boot, addParameters(`${RUNNING} quiet`, ['panic=10']), { configuration });
  const { kernel, machine } = propose(world, boot.image, {});
  for (const options of [
    { reuseCmdline: true, append: ['own'], switchId: ID },
    { commandLine: 'root=/dev/sda1 quiet', drop: ['root'] },
    {},
  ]) {
    const line = propose(world, boot.image, { ...options, without: [] }).plan?.commandLine;
    const added = { ...options, added: ['panic=10'] };
    assert.equal(lastingCommandLine(world, machine, kernel, added), line);
    assert.doesNotMatch(line ?? '', /panic|quiet|khop\.added/);
  }
});

test('archives that are to come last lie behind the initrd, whether it was prepared or not', () => {
  const last = { name: 'last', pieces: [Buffer.from('THE '), Buffer.from('LAST ONE')] };
  for (const fast of [false, true]) {
    using boot = buildBoot();
    const options = { initrd: [boot.initrd], commandLine: LINE, method: 'segments', fast } as const;
    const world = worldOf(boot, RUNNING);
    const without = propose(world, boot.image, options).plan;
    const { plan } = propose(world, boot.image, { ...options, lastArchives: [last] });
    assert.ok(plan?.method === 'segments' && without?.method === 'segments');
    const bytes = Buffer.from(segmentOf(plan, 'initrd').bytes);
    const before = Buffer.from(segmentOf(without, 'initrd').bytes);
    assert.ok(before.length > 0 && bytes.subarray(0, before.length).equals(before));
    const at = bytes.indexOf('THE LAST ONE');
    assert.ok(at >= before.length && at % 4 === 0, 'at a multiple of 4 behind it');
  }
});

test('the checks do not see what a trial puts around its kernel', () => {
  using boot = buildBoot();
  const world = worldOf(boot, RUNNING);
  const options = { initrd: [boot.initrd], commandLine: LINE } as const;
  const last = { name: 'last', pieces: [Buffer.from('no archive')] };
  const tried = propose(world, boot.image, {
    ...options,
    ...{ added: ['rdinit=/khop/first'], lastArchives: [last] },
  });
  const plain = propose(world, boot.image, options);
  const named = ({ findings }: typeof plain) => findings.map(({ id, severity }) => `${severity} ${id}`);
  assert.deepEqual(named(tried), named(plain));
});

test('a proposal that need not be checked finds nothing, refuses nothing, and has the same plan', () => {
  using boot = buildBoot();
  const refused = healthyMachine({ capabilities: read(new Set<string>()) });
  const world = quietWorld(boot.root, [], { readMachine: () => refused });
  const options = { initrd: [boot.initrd], commandLine: LINE } as const;
  const checked = propose(world, boot.image, options);
  assert.equal(checked.verdict, 'refuse');
  const { findings, verdict, plan } = propose(world, boot.image, { ...options, isUnchecked: true });
  assert.deepEqual([findings, verdict === 'refuse'], [[], false]);
  assert.deepEqual(plan?.commandLine, checked.plan?.commandLine);
  assert.equal(valueOf(refused.lockdown), 'none');
});

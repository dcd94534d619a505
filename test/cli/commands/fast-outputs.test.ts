import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkKernel } from '../../../src/cli/commands/check.ts';
import { loadKernel } from '../../../src/cli/commands/load.ts';
import { planKernel } from '../../../src/cli/commands/plan.ts';
import { switchToKernel } from '../../../src/cli/commands/switch.ts';
import type { KernelOptions } from '../../../src/cli/kernel-options.ts';
import { decodeLoadedRecord, encodeLoadedRecord } from '../../../src/switch/loaded-record.ts';
import { readHistory } from '../../../src/switch/read-history.ts';
import { keptLoadPath } from '../../../src/switch/state-paths.ts';
import type { SwitchWorld } from '../../../src/switch/world.ts';
import { type SaidContext, sayingContext } from '../../support/cli-context.ts';
import { healthyMachine, read } from '../../support/machine-facts.ts';
import { buildBoot, type PreparedBoot } from '../../support/prepared-boot.ts';
import { quietWorld } from '../../support/switch-world.ts';

/** It keeps a kernel from being entered directly. */
const OBSTACLE = /no5lvl/;
const COMMAND_LINE = 'root=/dev/vda1 no5lvl';

/** A machine that loads what it is given and never leaves. */
function worldOf({ root }: PreparedBoot): SwitchWorld {
  const quiet = quietWorld(root);
  const { kexec, cpu } = healthyMachine();
  const nothing = async () => undefined;
  return {
    ...quiet,
    readMachine: () =>
      healthyMachine({
        kexec: { ...kexec, loaded: read(true) },
        cpu: { ...cpu, fiveLevelPaging: read(true) },
      }),
    kexec: { ...quiet.kexec, fileLoad: async () => {}, segmentsLoad: async () => {} },
    shutdown: {
      ...quiet.shutdown,
      sayLeaving: () => undefined,
      ...{ syncAhead: nothing, now: nothing, byOurselves: nothing, throughServiceManager: nothing },
    },
  };
}

type Command = (
  context: SaidContext['context'],
  world: SwitchWorld,
  selector: string,
  options: KernelOptions,
) => Promise<void>;

const COMMANDS: Readonly<Record<string, Command>> = {
  load: loadKernel,
  switch: (context, world, selector, options) =>
    switchToKernel(context, world, selector, { ...options, now: true, yes: true }),
  'switch --dry-run': (context, world, selector, options) =>
    switchToKernel(context, world, selector, { ...options, now: true, dryRun: true }),
  check: checkKernel,
  plan: planKernel,
};

/** Runs it for the kernel with the obstacle. */
async function say(command: Command, options: KernelOptions = {}): Promise<SaidContext> {
  using boot = buildBoot();
  const said = sayingContext();
  const given = { initrd: [boot.initrd], commandLine: COMMAND_LINE, fast: true, ...options };
  await command(said.context, worldOf(boot), boot.image, given);
  return said;
}

interface Facts {
  readonly optimisations: readonly {
    readonly name: string;
    readonly isUsed: boolean;
    readonly detail: string;
  }[];
  readonly findings?: readonly object[];
  readonly estimate?: object | null;
}

for (const [name, command] of Object.entries(COMMANDS)) {
  test(`khop ${name} --fast says as text why an optimisation was not possible`, async () => {
    const { printed, remarks } = await say(command);
    assert.match([...printed, ...remarks].join('\n'), /not fast +direct-entry .*no5lvl/);
  });

  test(`khop ${name} --fast --json says all that the text says`, async () => {
    const { printed, remarks } = await say(command, { json: true });
    assert.deepEqual([printed.length, remarks], [1, []]);
    const facts = JSON.parse(printed[0]!) as Facts;
    const direct = facts.optimisations.find((each) => each.name === 'direct-entry');
    assert.deepEqual([direct?.isUsed, OBSTACLE.test(direct?.detail ?? '')], [false, true]);
    if (name === 'plan') return;
    assert.ok(facts.findings?.some((finding) => 'severity' in finding && finding.severity === 'warning'));
    assert.equal(facts.estimate, null);
  });
}

test('without --fast there are no optimisations to speak of', async () => {
  for (const command of Object.values(COMMANDS)) {
    const text = await say(command, { fast: false });
    assert.doesNotMatch([...text.printed, ...text.remarks].join('\n'), /direct-entry/);
    const { printed } = await say(command, { fast: false, json: true });
    assert.deepEqual((JSON.parse(printed[0]!) as Facts).optimisations, []);
  }
});

test('a plan that was saved is compared without what is said beside it', async () => {
  using boot = buildBoot();
  const options = { initrd: [boot.initrd], commandLine: COMMAND_LINE, fast: true, json: true };
  const saved = join(boot.root, 'saved.json');
  const first = sayingContext();
  await planKernel(first.context, worldOf(boot), boot.image, options);
  writeFileSync(saved, first.printed[0]!);
  const second = sayingContext();
  await planKernel(second.context, worldOf(boot), boot.image, { ...options, diff: saved });
  assert.deepEqual(JSON.parse(second.printed[0]!), { differences: [] });
});

test('a load that nobody concluded is concluded before the next one is planned, which then trims nothing', async () => {
  using boot = buildBoot();
  const options = { initrd: [boot.initrd], commandLine: 'root=/dev/vda1', fast: true };
  const first = worldOf(boot);
  await loadKernel(sayingContext().context, first, boot.image, options);
  const path = keptLoadPath(first.folders);
  const record = decodeLoadedRecord(first.files.read(path) ?? '', path);
  // This initrd has no modules to leave out.
  first.files.write(path, encodeLoadedRecord({ ...record, optimisations: ['trim'] }));
  const next = { ...first, readMachine: () => ({ ...first.readMachine(), bootId: read('next-boot') }) };
  const said = sayingContext();
  await loadKernel(said.context, next, boot.image, options);
  assert.match(said.remarks.join('\n'), /The last load was not concluded yet; it is now: khop history/);
  assert.match(said.remarks.join('\n'), /not fast +trim .*was not seen to arrive/);
  const { entries } = readHistory(next);
  assert.deepEqual(
    entries.map(({ kind }) => kind),
    ['load', 'load-end', 'load'],
  );
});

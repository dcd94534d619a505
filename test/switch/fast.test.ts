import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cpioFile, encodeCpio } from '../../src/formats/cpio-writer.ts';
import type { MachineFacts } from '../../src/machine/facts.ts';
import { listPrepared, type PreparedEntry } from '../../src/prepare/prepared-store.ts';
import { DEFAULT_CONFIGURATION } from '../../src/switch/configuration.ts';
import type { Optimisation } from '../../src/switch/fast.ts';
import { loadPlan } from '../../src/switch/load.ts';
import { type Proposal, type ProposalOptions, propose } from '../../src/switch/proposal.ts';
import { withSpace } from '../support/file-system-space.ts';
import { segmentOf } from '../support/load-requests.ts';
import { healthyMachine, read, unreadable } from '../support/machine-facts.ts';
import { buildBoot, type PreparedBoot } from '../support/prepared-boot.ts';
import { quietWorld } from '../support/switch-world.ts';
import { BSS_OFFSET } from '../support/unpacked-kernel-builder.ts';

/** A proposal for the kernel of `boot`, with --fast, and what was remarked on the way. */
function proposeFast(
  boot: PreparedBoot,
  machine: Partial<MachineFacts> = {},
  options: ProposalOptions = {},
): { readonly proposal: Proposal; readonly remarks: readonly string[] } {
  const remarks: string[] = [];
  const world = quietWorld(boot.root, remarks, { readMachine: () => healthyMachine(machine) });
  const all = { fast: true, initrd: [boot.initrd], commandLine: 'root=/dev/vda1', ...options };
  return { proposal: propose(world, boot.image, all), remarks };
}

/** As `khop prepare` would have left it for that proposal. */
function preparedBefore(boot: PreparedBoot): PreparedEntry {
  proposeFast(boot);
  const [entry] = listPrepared(boot.cache);
  assert.ok(entry !== undefined);
  return entry;
}

function optimisation({ optimisations }: Proposal, name: Optimisation['name']): Optimisation {
  const found = optimisations?.find((each) => each.name === name);
  assert.ok(found !== undefined, `nothing is said of ${name}`);
  return found;
}

function isDirect({ plan }: Proposal): boolean {
  return plan?.directEntry?.isUsed === true;
}

test('a kernel that was not prepared is prepared now, and the plan enters it directly', () => {
  using boot = buildBoot();
  const { proposal, remarks } = proposeFast(boot);
  assert.ok(isDirect(proposal));
  assert.match(remarks.join(), /not prepared yet/);
  assert.equal(optimisation(proposal, 'direct-entry').isUsed, true);
  assert.equal(listPrepared(boot.cache).length, 1);
});

test('a kernel whose address is not random is said to be one, with the reason', () => {
  using boot = buildBoot();
  const priceOf = (commandLine: string) =>
    optimisation(proposeFast(boot, {}, { commandLine }).proposal, 'direct-entry').prices;
  assert.deepEqual(priceOf('root=/dev/vda1'), []);
  assert.deepEqual(priceOf('root=/dev/vda1 nokaslr'), ['KASLR is off: nokaslr is on the command line.']);
});

test('a kernel that was prepared is taken as it is, without a word', () => {
  using boot = buildBoot();
  const { folder } = preparedBefore(boot);
  const image = join(folder, 'kernel.image');
  const before = statSync(image).mtimeMs;
  const { proposal, remarks } = proposeFast(boot);
  assert.ok(isDirect(proposal));
  assert.deepEqual(remarks, []);
  assert.equal(statSync(image).mtimeMs, before);
});

test('the prepared initrd is all that is loaded, once', () => {
  using boot = buildBoot();
  const { record } = preparedBefore(boot);
  const { plan } = proposeFast(boot).proposal;
  assert.ok(plan?.method === 'segments' && record.initramfs !== null);
  assert.equal(segmentOf(plan, 'initrd').bytes.length, record.initramfs.file.size);
  assert.equal(segmentOf(plan, 'kernel').memorySize, BSS_OFFSET);
});

test('without --fast nothing is prepared and nothing of the cache is used', () => {
  using boot = buildBoot();
  const { proposal } = proposeFast(boot, {}, { fast: false });
  assert.equal(proposal.optimisations, undefined);
  assert.equal(proposal.plan?.directEntry, undefined);
  assert.deepEqual(listPrepared(boot.cache), []);
});

for (const [what, decay] of [
  ['cut short', (path: string) => truncateSync(path, 10)],
  ['damaged', (path: string) => writeFileSync(path, Buffer.alloc(statSync(path).size, 0x55))],
] as const)
  test(`an entry with a file that is ${what} is made anew, said, and used`, () => {
    using boot = buildBoot();
    const { folder } = preparedBefore(boot);
    for (const name of readdirSync(folder).filter((each) => each !== 'prepared.json')) {
      const path = join(folder, name);
      const sound = readFileSync(path);
      decay(path);
      const { proposal, remarks } = proposeFast(boot);
      assert.ok(isDirect(proposal), name);
      assert.match(remarks.join(), new RegExp(`${name}: .*prepared anew`));
      assert.deepEqual(readFileSync(path), sound);
      assert.deepEqual(proposeFast(boot).remarks, [], 'and is sound from then on');
    }
  });

test('a kernel that changed since is never started from what was prepared before', async () => {
  using boot = buildBoot();
  preparedBefore(boot);
  await new Promise((resolve) => setTimeout(resolve, 20));
  writeFileSync(boot.image, 'x', { flag: 'a' });
  assert.match(proposeFast(boot).remarks.join(), /not prepared yet/);
});

test('what was prepared of files that change before it is agreed to is not loaded', async () => {
  for (const name of ['image', 'initrd'] as const) {
    using boot = buildBoot();
    preparedBefore(boot);
    const { proposal } = proposeFast(boot);
    assert.ok(isDirect(proposal));
    const { plan, sources } = proposal;
    utimesSync(boot[name], new Date(0), new Date(1));
    const load = loadPlan(quietWorld(boot.root), plan!, { by: 'a test', optimisations: [], sources });
    await assert.rejects(load, {
      code: 'E_REFUSED',
      message: `${boot[name]} has changed since it was read and checked`,
    });
  }
});

test('a disk that the cache would fill is left alone, with the reason, part by part', () => {
  const initrd = encodeCpio([cpioFile('init', Buffer.alloc(2 ** 20), 0o755)]);
  using boot = buildBoot({ 'boot/initrd.img': initrd });
  const GIB = 2 ** 30;
  const withRoom = (bytes: number) =>
    withSpace(
      100 * GIB,
      () => GIB / 4 + bytes,
      () => proposeFast(boot),
    ).proposal;
  const none = withRoom(0);
  assert.equal(none.plan?.method, 'file');
  assert.match(optimisation(none, 'direct-entry').detail, /no room for what was prepared: it takes/);
  const kernel = withRoom(2 ** 19);
  assert.ok(isDirect(kernel));
  assert.match(
    optimisation(kernel, 'initramfs').detail,
    /^it takes 1\.\d MiB in .*, where 256\.5 MiB are free/,
  );
});

test('a cache that cannot be written means the ordinary way, with the reason', () => {
  using boot = buildBoot({ cache: 'a file where the folder should be' });
  const { proposal } = proposeFast(boot);
  assert.equal(proposal.plan?.method, 'file');
  for (const name of ['direct-entry', 'initramfs'] as const) {
    const { isUsed, detail } = optimisation(proposal, name);
    assert.equal(isUsed, false);
    assert.match(detail, /cannot be written: ENOTDIR/);
  }
});

test('under lockdown the initrd is still the prepared one, and the kernel the image itself', () => {
  using boot = buildBoot();
  const { record } = preparedBefore(boot);
  const { proposal } = proposeFast(boot, { lockdown: read('integrity') });
  const { plan } = proposal;
  assert.ok(plan?.method === 'file');
  assert.equal(plan.image.path, boot.image);
  assert.equal(plan.initrd?.bytes.length, record.initramfs?.file.size);
  const kernel = optimisation(proposal, 'direct-entry');
  assert.deepEqual([kernel.isUsed, kernel.detail], [false, 'lockdown=integrity forbids kexec_load']);
  assert.equal(optimisation(proposal, 'initramfs').isUsed, true);
});

test('what is left out by name is not used, and that is said', () => {
  using boot = buildBoot();
  const initramfsOnly = proposeFast(boot, {}, { without: ['direct-entry'] }).proposal;
  assert.equal(isDirect(initramfsOnly), false);
  assert.match(optimisation(initramfsOnly, 'direct-entry').detail, /--without/);
  assert.equal(optimisation(initramfsOnly, 'initramfs').isUsed, true);
  const kernelOnly = proposeFast(boot, {}, { without: ['initramfs'] }).proposal;
  assert.ok(isDirect(kernelOnly));
  assert.match(optimisation(kernelOnly, 'initramfs').detail, /--without/);
  const { plan } = kernelOnly;
  assert.ok(plan?.method === 'segments');
  assert.deepEqual(
    new Uint8Array(segmentOf(plan, 'initrd').bytes).subarray(0, 64),
    new Uint8Array(readFileSync(boot.initrd)).subarray(0, 64),
  );
});

test('too little available memory leaves optimisations out, with the numbers, and there is still a plan', () => {
  using boot = buildBoot();
  for (const reason of [
    /preparing it takes about 33 MiB of memory, and 1 MiB are available/,
    /needs \d+ MiB of memory, and 1 MiB are available/,
  ]) {
    const { proposal } = proposeFast(boot, { memoryAvailableBytes: read(1n << 20n) });
    assert.ok(proposal.plan !== undefined);
    assert.equal(isDirect(proposal), false);
    for (const name of ['direct-entry', 'initramfs'] as const)
      assert.match(optimisation(proposal, name).detail, reason);
    preparedBefore(boot);
  }
});

test('available memory that cannot be read counts as too little', () => {
  using boot = buildBoot();
  const { proposal } = proposeFast(boot, { memoryAvailableBytes: unreadable('/proc/meminfo') });
  assert.equal(isDirect(proposal), false);
  assert.match(optimisation(proposal, 'direct-entry').detail, /\/proc\/meminfo cannot be read/);
});

test('boot parameters come with what each costs, and the lean ones only where they were asked for', () => {
  using boot = buildBoot();
  const lean = 'initcall_blacklist=jent_mod_init';
  const warm = proposeFast(boot).proposal;
  assert.doesNotMatch(warm.plan?.commandLine ?? '', /initcall_blacklist/);
  const { plan, ...proposal } = proposeFast(boot, {}, { profile: 'lean' }).proposal;
  assert.match(plan?.commandLine ?? '', new RegExp(` ${lean} .* khop\\.added=\\S*,${lean},`));
  const { prices } = optimisation({ plan, ...proposal }, 'parameters');
  assert.match(prices?.join('\n') ?? '', new RegExp(`^${lean} costs .*entropy`, 'm'));
  const configuration = { ...DEFAULT_CONFIGURATION, profile: 'lean' } as const;
  const world = quietWorld(boot.root, [], { configuration });
  assert.match(propose(world, boot.image, { fast: true }).plan?.commandLine ?? '', new RegExp(lean));
});

test('a kernel without an initrd is entered directly, and the other half says why it is not there', () => {
  using boot = buildBoot();
  const { proposal } = proposeFast(boot, {}, { initrd: [] });
  assert.ok(isDirect(proposal));
  assert.deepEqual(optimisation(proposal, 'initramfs'), {
    name: 'initramfs',
    isUsed: false,
    detail: 'there is no initrd',
  });
});

test('a closed gate of both calls is the planner’s own error, whatever was prepared', () => {
  using boot = buildBoot();
  const kexec = { ...healthyMachine().kexec, loadDisabled: read(true) };
  const { proposal } = proposeFast(boot, { kexec });
  assert.equal(proposal.plan, undefined);
  assert.match(proposal.planError?.message ?? '', /kexec_load_disabled is 1/);
});

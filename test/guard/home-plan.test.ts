import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cpioFile, encodeCpio } from '../../src/formats/cpio-writer.ts';
import type { CrashLoop } from '../../src/guard/crash-loop.ts';
import { digestOnce } from '../../src/guard/drift.ts';
import { chooseHome, type HomeWish } from '../../src/guard/home-plan.ts';
import type { MachineFacts } from '../../src/machine/facts.ts';
import { encodeHistoryEntry, type SwitchHistoryEntry } from '../../src/switch/history.ts';
import type { SwitchWorld } from '../../src/switch/world.ts';
import { imageOf } from '../support/fixture-tree.ts';
import { machineWithReservation } from '../support/load-requests.ts';
import { read } from '../support/machine-facts.ts';
import { quietWorld } from '../support/switch-world.ts';
import { buildTree, type TreeFiles } from '../support/tree-builder.ts';

const ARGUMENT = 'khop.guard=0123456789abcdef,1,1795912100';
const RELEASES = ['6.1.0-50-amd64', '6.12.9-amd64', '6.16.1-amd64'] as const;
const [OLD, MIDDLE, NEW] = RELEASES;

function installation(...arrivals: readonly (readonly [string, string])[]): TreeFiles {
  const boot = RELEASES.flatMap((release) => [
    [`boot/vmlinuz-${release}`, imageOf(release)],
    [`boot/initrd.img-${release}`, encodeCpio([cpioFile('init', Buffer.from('#!'), 0o755)])],
  ]);
  const history = arrivals.map(
    ([fromRelease, arrivedRelease]): SwitchHistoryEntry => ({
      ...{ version: 1, kind: 'switch', id: 'x', atMs: 0, method: 'file', optimisations: [], shutdown: 'own' },
      ...{
        fromRelease,
        toRelease: arrivedRelease,
        image: '/i',
        outcome: 'arrived',
        trial: null,
        arrivedRelease,
      },
      ...{ arrivedBootId: null, loadMs: 1, downMs: null, upMs: null },
    }),
  );
  return { ...Object.fromEntries(boot), 'state/history.jsonl': history.map(encodeHistoryEntry).join('') };
}

const RUNNING = 'root=/dev/vda1 quiet crashkernel=192M';

/** Home, whatever it is. */
function homeOf(
  files: TreeFiles,
  { over, ...wished }: Partial<HomeWish> & { readonly over?: Partial<MachineFacts> } = {},
) {
  using tree = buildTree(files);
  const machine = machineWithReservation({ release: read(NEW), commandLine: read(RUNNING), ...over });
  const world: SwitchWorld = { ...quietWorld(tree.root), readMachine: () => machine };
  const wish = {
    selector: undefined,
    argument: ARGUMENT,
    loop: undefined,
    hasReport: true,
    digest: digestOnce(),
  };
  const { home } = chooseHome(world, machine, { ...wish, ...wished }, 192n << 20n);
  return home.state === 'firmware' ? home.reason.replace(tree.root, '') : home.title;
}

function choose(files: TreeFiles, loop: CrashLoop | undefined, selector?: string, running = RUNNING) {
  using tree = buildTree(files);
  const machine: MachineFacts = machineWithReservation({
    release: read(NEW),
    commandLine: read(running),
  });
  const world: SwitchWorld = { ...quietWorld(tree.root), readMachine: () => machine };
  const wish = { selector, argument: ARGUMENT, loop, hasReport: true, digest: digestOnce() };
  const { home, ...end } = chooseHome(world, machine, wish, 192n << 20n);
  assert.equal(home.state, 'planned', home.state === 'firmware' ? home.reason : '');
  return { title: home.state === 'planned' ? home.title : '', home, ...end };
}

const DIED = (...releases: string[]): CrashLoop => ({ releases, reason: 'died 2 times' });
const HISTORY = [
  [OLD, MIDDLE],
  [MIDDLE, NEW],
] as const;

test('without a loop home is the running kernel, or the one that was asked for, with room for a report', () => {
  const { title, isStranded, home } = choose(installation(), undefined);
  assert.match(title, /6\.16\.1/);
  assert.equal(isStranded, false);
  assert.ok(home.state === 'planned' && home.wayHome.report?.size === 0x4_0000);
  assert.match(choose(installation(), undefined, OLD).title, /6\.1\.0/);
});

test('a file that another build of the running release has replaced is no way home, unless another is named', () => {
  const over = { version: read('#1 SMP Debian 6.16.1-1') };
  assert.equal(
    homeOf(installation(), { over }),
    `/boot/vmlinuz-${NEW} is not the kernel that runs: the file says #1 SMP, the running one #1 SMP Debian 6.16.1-1`,
  );
  assert.match(homeOf(installation(), { over, selector: OLD }), /6\.1\.0/);
  assert.equal(homeOf(installation(), { obstacle: 'it has changed' }), 'it has changed');
});

test('a kernel that fails on its way home restarts the machine, unless it would do so anyway', () => {
  const linesOf = (running?: string): string => {
    const { home } = choose(installation(), undefined, undefined, running);
    assert.ok(home.state === 'planned');
    return home.wayHome.kept.map(({ bytes }) => Buffer.from(bytes).toString('latin1')).join();
  };
  assert.match(linesOf(), / khop\.guard=\S+ panic=11 rd\.emergency=reboot rd\.shell=0 (?:\S+ )*khop\.added=/);
  assert.doesNotMatch(linesOf('root=/dev/vda1 crashkernel=192M panic=30'), /panic=11/);
});

test('in a loop home is the latest kernel that was seen well and did not die in it', () => {
  const files = installation(...HISTORY);
  assert.match(choose(files, DIED(NEW)).title, /6\.12\.9/);
  assert.match(choose(files, DIED(NEW, MIDDLE)).title, /6\.1\.0/);
  assert.match(choose(files, DIED(OLD)).title, /6\.16\.1/, 'the running kernel is not the one that died');
});

test('where all died, or none was seen well, the machine is stranded', () => {
  for (const result of [
    choose(installation(...HISTORY), DIED(...RELEASES)),
    choose(installation(), DIED(NEW)),
    choose(installation(['5.10.0-gone', NEW]), DIED(NEW)),
  ])
    assert.deepEqual([result.isStranded, /6\.16\.1/.test(result.title)], [true, true]);
});

test('the firmware leads out of a loop only where its default is a kernel that was seen well and did not die in it', () => {
  const entry = (name: string, release: string) => [
    `boot/loader/entries/${name}.conf`,
    `title ${name}\nlinux /vmlinuz-${release}\ninitrd /initrd.img-${release}\noptions ${RUNNING}\n`,
  ];
  const loopWith = (lasting: string | undefined, ...died: string[]): boolean => {
    const files = {
      ...installation([OLD, MIDDLE], [MIDDLE, OLD]),
      ...Object.fromEntries([entry('old', OLD), entry('middle', MIDDLE), entry('new', NEW)]),
      ...(lasting === undefined ? {} : { 'boot/loader/loader.conf': `default ${lasting}.conf\n` }),
    };
    return choose(files, DIED(...died)).isLoopByFirmware;
  };
  assert.equal(loopWith('new', NEW), true, 'it died');
  assert.equal(loopWith('old', NEW), false);
  assert.equal(loopWith('middle', NEW), false, 'although home is another one');
  assert.equal(loopWith('new', OLD), false, 'it runs, and another died');
  assert.equal(loopWith('new', MIDDLE, NEW), true);
  assert.equal(choose(installation(...HISTORY), DIED(NEW)).isLoopByFirmware, true, 'nobody knows it');
});

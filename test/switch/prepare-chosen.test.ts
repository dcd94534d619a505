import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_CONFIGURATION } from '../../src/switch/configuration.ts';
import { prepareChosen } from '../../src/switch/prepare-chosen.ts';
import { type ProposalOptions, propose } from '../../src/switch/proposal.ts';
import { buildBoot, type PreparedBoot } from '../support/prepared-boot.ts';
import { quietWorld } from '../support/switch-world.ts';

/** Prepares the kernel as a hook does, then proposes a switch to it; the remarks of both. */
function remarksOf(boot: PreparedBoot, options: ProposalOptions, over = {}): readonly string[] {
  const remarks: string[] = [];
  const world = quietWorld(boot.root, remarks, over);
  const initrd = [boot.initrd];
  assert.equal(prepareChosen(world, boot.image, { initrd, isForced: false }).outcome.wasThere, false);
  const { plan } = propose(world, boot.image, { fast: true, initrd, ...options });
  assert.equal(plan?.directEntry?.isUsed, true);
  return remarks;
}

test('what was prepared beforehand is what a switch takes, its token and its parameters added', () => {
  using boot = buildBoot();
  assert.deepEqual(remarksOf(boot, { switchId: '0123456789abcdef' }), []);
});

test('who wants the kernel alone takes it from what was prepared with an initramfs', () => {
  using boot = buildBoot();
  assert.deepEqual(remarksOf(boot, { without: ['initramfs', 'trim'] }), []);
});

test('arguments that the configuration adds or drops are no difference between preparing and switching', () => {
  using boot = buildBoot();
  const configuration = { ...DEFAULT_CONFIGURATION, append: 'nvme.poll_queues=2', drop: ['quiet'] };
  assert.deepEqual(remarksOf(boot, {}, { configuration }), []);
});

test('arguments that name no module, given for one switch, are no difference either', () => {
  using boot = buildBoot();
  const append = ['debug', 'console=tty0', 'systemd.unit=rescue.target', 'rd.luks.name=1=x', 'panic=5'];
  assert.deepEqual(remarksOf(boot, { append }), []);
});

test('what a kernel will be started with can be told beforehand', () => {
  for (const [commandLine, expected] of [
    ['root=/dev/sdb2 nvme.poll_queues=2', []],
    [undefined, ['This kernel was not prepared yet for this machine as it is now; done.']],
  ] as const) {
    using boot = buildBoot();
    const remarks: string[] = [];
    const world = quietWorld(boot.root, remarks);
    const initrd = [boot.initrd];
    prepareChosen(world, boot.image, { initrd, commandLine, isForced: false });
    propose(world, boot.image, { fast: true, initrd, commandLine: 'root=/dev/sdb2 nvme.poll_queues=2' });
    assert.deepEqual(remarks, expected);
  }
});

test('an argument that names another module, given for one switch, makes another initramfs', () => {
  using boot = buildBoot();
  assert.match(remarksOf(boot, { append: ['rd.driver.pre=nvme'] }).join(), /not prepared yet/);
});

test('preparing twice finds the first entry, and forced it is made anew', () => {
  using boot = buildBoot();
  const world = quietWorld(boot.root);
  const prepare = (isForced: boolean) =>
    prepareChosen(world, boot.image, { initrd: [boot.initrd], isForced }).outcome.wasThere;
  assert.deepEqual([prepare(false), prepare(false), prepare(true)], [false, true, false]);
});

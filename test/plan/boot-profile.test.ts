import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type BootProfile, warmProfile } from '../../src/plan/boot-profile.ts';
import { kernelArguments } from '../../src/plan/command-line.ts';
import { absent, healthyMachine, read, unreadable } from '../support/machine-facts.ts';
import { healthyImage } from '../support/preflight-input.ts';

const KERNEL = healthyImage();
const BARE = healthyMachine({ hypervisor: absent() });
const EMULATED = healthyMachine({ hypervisor: read('qemu') });

function texts({ parameters }: BootProfile): string[] {
  return parameters.map(({ text }) => text);
}

function noteOn(profile: BootProfile, text: string): string {
  const note = profile.notes.find((one) => one.text === text);
  assert.ok(note !== undefined, `there is no note on ${text}`);
  return note.why;
}

test('self-tests of the crypto code are left out on every machine', () => {
  for (const machine of [BARE, EMULATED, healthyMachine()])
    assert.ok(texts(warmProfile(KERNEL, machine, 'root=/dev/vda1 quiet')).includes('cryptomgr.notests'));
});

test('they stay in FIPS mode, and are not mentioned to a kernel that has none', () => {
  assert.match(noteOn(warmProfile(KERNEL, BARE, 'fips=1'), 'cryptomgr.notests'), /fips=1/);
  for (const symbol of [
    ['CONFIG_CRYPTO_MANAGER_DISABLE_TESTS', 'y'],
    ['CONFIG_CRYPTO_SELFTESTS', 'n'],
  ] as const) {
    const kernel = healthyImage({ config: read(new Map([symbol])) });
    assert.match(noteOn(warmProfile(kernel, BARE, 'quiet'), 'cryptomgr.notests'), /built without/);
  }
});

test('an unknown configuration is taken for one with tests: the parameter does no harm without them', () => {
  const kernel = healthyImage({ config: unreadable() });
  assert.ok(texts(warmProfile(kernel, BARE, 'quiet')).includes('cryptomgr.notests'));
});

test('what the person set is left alone, whatever its value', () => {
  const given = 'cryptomgr.notests=0 loglevel=7 no_timer_check console=ttyS0';
  const profile = warmProfile(KERNEL, EMULATED, given);
  assert.deepEqual(profile.parameters, []);
  assert.match(noteOn(profile, 'loglevel=4'), /has loglevel/);
});

test('a serial console is kept short, with the time that its lines would take', () => {
  const machine = healthyMachine({ hypervisor: absent(), kernelLog: read(['x'.repeat(83), 'y'.repeat(83)]) });
  const gainOf = (commandLine: string) =>
    warmProfile(KERNEL, machine, commandLine).parameters.find(({ text }) => text === 'loglevel=4')?.gain;
  assert.equal(
    gainOf('console=tty0 console=ttyS0,115200n8'),
    "up to 0.0 s: the 200 characters of this kernel's log at 115200 baud on ttyS0",
  );
  assert.match(gainOf('console=ttyAMA0') ?? '', /^up to 0\.2 s: .* at 9600 baud on ttyAMA0$/);
  assert.equal(gainOf('console=tty0'), undefined);
  assert.equal(gainOf('console=hvc0'), undefined);
});

test('a console that the person wants to see, or hides already, is left alone', () => {
  for (const word of ['quiet', 'debug', 'loglevel=8', 'ignore_loglevel', 'earlycon', 'initcall_debug'])
    assert.ok(!texts(warmProfile(KERNEL, BARE, `console=ttyS0 ${word}`)).includes('loglevel=4'), word);
});

test('the check of the timer interrupt is left out of emulated x86 machines alone', () => {
  const has = (machine: typeof BARE, kernel = KERNEL) =>
    texts(warmProfile(kernel, machine, 'quiet')).includes('no_timer_check');
  assert.ok(has(EMULATED));
  assert.ok(!has(BARE));
  assert.ok(!has(healthyMachine({ hypervisor: unreadable() })));
  assert.ok(!has(EMULATED, healthyImage({ architecture: 'arm64' })));
});

/** Parameters that weaken a kernel, hide faults, or take functions away. */
const FORBIDDEN = [
  ...[
    'mitigations',
    'nokaslr',
    'rodata',
    'nosmep',
    'nosmap',
    'nopti',
    'pti',
    'kpti',
    'nospectre_v1',
    'nospectre_v2',
  ],
  ...[
    'spectre_v2',
    'spec_store_bypass_disable',
    'l1tf',
    'mds',
    'tsx_async_abort',
    'mmio_stale_data',
    'retbleed',
  ],
  ...[
    'srbds',
    'gather_data_sampling',
    'spec_rstack_overflow',
    'module.sig_enforce',
    'lockdown',
    'lsm',
    'security',
  ],
  ...[
    'selinux',
    'apparmor',
    'audit',
    'ima_appraise',
    'ima_policy',
    'init_on_alloc',
    'init_on_free',
    'slab_nomerge',
  ],
  ...[
    'hardened_usercopy',
    'page_poison',
    'slub_debug',
    'iommu',
    'intel_iommu',
    'amd_iommu',
    'random.trust_cpu',
  ],
  ...[
    'random.trust_bootloader',
    'initcall_blacklist',
    'nowatchdog',
    'nmi_watchdog',
    'nosmp',
    'maxcpus',
    'nr_cpus',
  ],
  ...[
    'numa',
    'noapic',
    'nolapic',
    'acpi',
    'efi',
    'noefi',
    'panic',
    'oops',
    'kptr_restrict',
    'no_hash_pointers',
  ],
  ...[
    'tsc',
    'lpj',
    'rcupdate.rcu_expedited',
    'fips',
    'crashkernel',
    'printk.devkmsg',
    'nomodule',
    'modprobe.blacklist',
  ],
];

test('nothing that weakens the kernel is ever in it, whatever the machine', () => {
  const machines = fc.record({
    hypervisor: fc.constantFrom(
      absent(),
      unreadable(),
      ...['kvm', 'qemu', 'xen', 'vmware', 'unknown'].map((one) => read(one)),
    ),
    kernelLog: fc.constantFrom(absent(), read(['tsc: Refined TSC clocksource calibration: 2893.299 MHz'])),
  });
  const kernels = fc.record({
    architecture: fc.constantFrom('x86-64' as const, 'arm64' as const),
    config: fc.constantFrom(absent(), KERNEL.config),
  });
  const lines = fc
    .subarray(['root=/dev/vda1', 'console=ttyS0,115200', 'console=tty0', 'debug', 'fips=1', '--', 'single'])
    .map((words) => words.join(' '));
  fc.assert(
    fc.property(kernels, machines, lines, (kernel, machine, line) => {
      for (const { text, why, gain, cost } of warmProfile(kernel, machine, line).parameters) {
        const [argument, ...more] = kernelArguments(text);
        assert.deepEqual(more, []);
        assert.ok(!FORBIDDEN.includes(argument!.name), text);
        assert.ok(why !== '' && gain !== '' && cost !== '');
      }
    }),
  );
});

test('what was looked at and left out is said, with what it would cost', () => {
  const { notes } = warmProfile(KERNEL, BARE, 'quiet');
  for (const text of ['rcupdate.rcu_expedited=1', 'tsc=reliable', 'lpj='])
    assert.ok(noteOn({ parameters: [], notes }, text).length > 40, text);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Kernel } from '../../src/kernels/kernel.ts';
import { findKernelByName, nameKernels } from '../../src/kernels/kernel-names.ts';

function kernel(fields: Partial<Kernel>): Kernel {
  return {
    id: '',
    title: 'Linux',
    release: undefined,
    image: '/boot/vmlinuz',
    initrds: [],
    commandLine: '',
    deviceTree: undefined,
    modules: undefined,
    config: undefined,
    origin: { kind: 'boot-pair' },
    aliases: [],
    isRunning: false,
    isDefault: false,
    isNewest: false,
    problems: [],
    ...fields,
  };
}

function idsOf(...fields: Partial<Kernel>[]): string[] {
  return nameKernels(fields.map(kernel)).map(({ id }) => id);
}

test('a kernel is called by its release, or by its title without one', () => {
  assert.deepEqual(idsOf({ release: '6.1' }, { title: 'My Kernel (test)!' }, { title: '???' }), [
    '6.1',
    'my-kernel-test',
    'kernel',
  ]);
});

test('recovery entries and snapshots of a release have names of their own', () => {
  assert.deepEqual(
    idsOf(
      { release: '6.1' },
      { release: '6.1', commandLine: 'ro single' },
      { release: '6.1', commandLine: 'rootflags=subvol=@/.snapshots/7/snapshot ro' },
    ),
    ['6.1', '6.1-recovery', '6.1-snapshot-7'],
  );
});

test('several of one release are told apart by origin, entry and at last by number', () => {
  assert.deepEqual(
    idsOf(
      { release: '6.1', origin: { kind: 'bls', entry: 'a.conf' } },
      { release: '6.1', origin: { kind: 'bls', entry: 'b.conf' } },
      { release: '6.1', origin: { kind: 'uki', entry: 'b.efi' } },
      { release: '6.1', origin: { kind: 'bls', entry: 'b.conf' }, title: 'again' },
    ),
    ['6.1-bls', '6.1-b', '6.1-uki', '6.1-b-2'],
  );
});

test('ids are unique whatever the kernels are called', () => {
  const release = fc.constantFrom('6.1', '6.1-recovery', '6.1-bls', undefined);
  const title = fc.constantFrom('x', 'X', '6.1', 'recovery', '');
  const origin = fc.constantFrom(
    { kind: 'bls' as const, entry: 'x.conf' },
    { kind: 'boot-pair' as const },
    { kind: 'bls' as const, entry: '6.1.conf' },
  );
  fc.assert(
    fc.property(fc.array(fc.record({ release, title, origin }), { maxLength: 12 }), (fields) => {
      const ids = idsOf(...fields).map((id) => id.toLowerCase());
      assert.equal(new Set(ids).size, ids.length);
      assert.ok(ids.every((id) => id !== ''));
    }),
  );
});

const KERNELS = nameKernels([
  kernel({
    release: '6.12.9-amd64',
    title: 'Debian, with Linux 6.12.9-amd64',
    image: '/boot/vmlinuz-6.12.9-amd64',
  }),
  kernel({ release: '6.1.0-56-amd64', title: 'Debian GNU/Linux', aliases: ['gnulinux-simple'] }),
  kernel({ release: '6.1.0-56-amd64', title: 'Debian (recovery mode)', commandLine: 'single' }),
  kernel({ release: '6.1.0-55-amd64', origin: { kind: 'bls', entry: 'old-entry.conf' } }),
]);

test('a kernel is found by id, title, entry, path, file name, beginning or part, in any case', () => {
  const found = (text: string) => findKernelByName(KERNELS, text).id;
  assert.equal(found('6.12.9-amd64'), '6.12.9-amd64');
  assert.equal(found('debian gnu/linux'), '6.1.0-56-amd64');
  assert.equal(found('gnulinux-simple'), '6.1.0-56-amd64');
  assert.equal(found('old-entry'), '6.1.0-55-amd64');
  assert.equal(found('/boot/vmlinuz-6.12.9-amd64'), '6.12.9-amd64');
  assert.equal(found('vmlinuz-6.12.9-amd64'), '6.12.9-amd64');
  assert.equal(found('6.12'), '6.12.9-amd64');
  assert.equal(found('0-56'), '6.1.0-56-amd64');
  assert.equal(found('RECOVERY MODE'), '6.1.0-56-amd64-recovery');
});

test('a number is not cut in two: 6.1 is not the beginning of 6.12', () => {
  assert.throws(() => findKernelByName(KERNELS, '6.1'), {
    code: 'E_USAGE',
    message: '"6.1" means several kernels: 6.1.0-56-amd64, 6.1.0-55-amd64',
  });
});

test('a part of a name cuts no number in two either: without a 6.1, nothing else is meant by it', () => {
  const others = nameKernels(
    ['6.12.9-amd64', '6.16.1-amd64', '16.1.0-amd64'].map((release) =>
      kernel({ release, title: `Debian, with Linux ${release}`, image: `/boot/vmlinuz-${release}` }),
    ),
  );
  for (const text of ['6.1', 'linux 6.1', 'vmlinuz-6.1', '2.9', '6.1.0'])
    assert.throws(() => findKernelByName(others, text), { code: 'E_NOT_FOUND' }, text);
  assert.equal(findKernelByName(others, '12.9').id, '6.12.9-amd64');
  assert.equal(findKernelByName(others, 'linux 6.12').id, '6.12.9-amd64');
  const twice = [...others, kernel({ id: 'own', title: 'Patches of 6.12 on 6.1' })];
  assert.equal(findKernelByName(twice, '6.1').id, 'own', 'the second place where it stands');
});

test('what means nothing names what there is, and what was probably meant', () => {
  assert.throws(() => findKernelByName(KERNELS, '6.1.0-57-amd64'), {
    code: 'E_NOT_FOUND',
    hint: /^Did you mean 6\.1\.0-5[56]-amd64\? There are: /,
  });
  assert.throws(() => findKernelByName(KERNELS, 'zzz'), {
    code: 'E_NOT_FOUND',
    hint: /^There are: 6\.12\.9-amd64, /,
  });
  assert.throws(() => findKernelByName(KERNELS, ''), { code: 'E_NOT_FOUND' });
  assert.throws(() => findKernelByName([], 'x'), { code: 'E_NOT_FOUND', hint: /No kernel was found/ });
});

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseEnvironmentBlock } from '../../../src/formats/grub-environment.ts';
import type { BootLoaderState } from '../../../src/kernels/boot-loader-state.ts';
import { readCatalogue } from '../../../src/kernels/catalogue.ts';
import type { Kernel } from '../../../src/kernels/kernel.ts';
import {
  applyBootLoaderSteps,
  describeBootLoaderStep,
} from '../../../src/machine/boot-loader/apply-steps.ts';
import { undoSteps } from '../../../src/machine/boot-loader/boot-loader-step.ts';
import type { runProcess } from '../../../src/machine/run-process.ts';
import {
  defaultEntryOf,
  hasOneShotEntry,
  planDefaultEntry,
  planPermanentParameters,
} from '../../../src/plan/boot-loader/change-boot-loader.ts';
import { stateOf } from '../../support/boot-loader-states.ts';
import { buildInstallation } from '../../support/fixture-tree.ts';
import { buildTree } from '../../support/tree-builder.ts';

const planPermanentParameter = (state: BootLoaderState, name: string, value: string | undefined) =>
  planPermanentParameters(state, [{ name, value }]);

/** Debian's, which reads the folder; others' scripts do not. */
const DEBIAN_MKCONFIG = {
  'usr/sbin/grub-mkconfig': `#! /bin/sh\nfor x in \${sysconfdir}/default/grub.d/*.cfg ; do . "\${x}"; done\n`,
};
const PLAIN_MKCONFIG = { 'usr/sbin/grub2-mkconfig': `#! /bin/sh\n. \${sysconfdir}/default/grub\n` };

/** Programs are noted; a generated file says what it was generated from. */
function noting(root: string, commands: string[]): typeof runProcess {
  return async (file, args) => {
    commands.push([file, ...args].join(' '));
    const output = args.at(-1) ?? '';
    if (file.endsWith('mkconfig')) {
      const { writeFileSync } = await import('node:fs');
      writeFileSync(join(root, output), `set default="\${saved_entry}"\n`);
    }
    return { exitCode: 0, signal: null, stdout: '', stderr: '', stdoutBytes: new Uint8Array() };
  };
}

function text(root: string, path: string): string | undefined {
  return existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : undefined;
}

function kernelFrom(origin: Kernel['origin']): Kernel {
  return { id: 'k', image: '/boot/vmlinuz-k', origin } as Kernel;
}

test('GRUB of Debian: a parameter is in a file of its own, is replaced, and goes away with the file', async () => {
  using tree = buildInstallation('debian', {}, DEBIAN_MKCONFIG);
  const dropIn = '/etc/default/grub.d/zz-khop.cfg';
  const set = async (value: string | undefined): Promise<readonly string[]> => {
    const plan = planPermanentParameter(stateOf(tree.root), 'crashkernel', value);
    const commands: string[] = [];
    await applyBootLoaderSteps(tree.root, plan.steps, { run: noting(tree.root, commands) });
    return commands;
  };
  const before = text(tree.root, '/etc/default/grub');
  assert.deepEqual(await set('64M'), ['grub-mkconfig -o /boot/grub/grub.cfg.khop']);
  assert.match(
    text(tree.root, dropIn) ?? '',
    /^GRUB_CMDLINE_LINUX_DEFAULT="\$GRUB_CMDLINE_LINUX_DEFAULT crashkernel=64M"$/m,
  );
  assert.deepEqual(await set('64M'), [], 'nothing to do');
  await set('96M');
  assert.doesNotMatch(text(tree.root, dropIn) ?? '', /64M/);
  assert.equal((await set(undefined)).length, 1);
  assert.equal(text(tree.root, dropIn), undefined);
  assert.equal(text(tree.root, '/etc/default/grub'), before);
});

test('GRUB that knows no folder of settings: the lines are at the end of its file and leave no trace', async () => {
  using tree = buildInstallation('opensuse', {}, { ...PLAIN_MKCONFIG, 'etc/default/grub': 'GRUB_TIMEOUT=5' });
  const apply = async (value: string | undefined): Promise<void> => {
    const { steps } = planPermanentParameter(stateOf(tree.root), 'crashkernel', value);
    await applyBootLoaderSteps(tree.root, steps, { run: noting(tree.root, []) });
  };
  await apply('64M');
  assert.match(
    text(tree.root, '/etc/default/grub') ?? '',
    /^GRUB_TIMEOUT=5\n\n# khop: begin[^]*crashkernel=64M/,
  );
  await apply(undefined);
  assert.equal(text(tree.root, '/etc/default/grub'), 'GRUB_TIMEOUT=5\n');
});

test('GRUB: a parameter that is set elsewhere, too, is said', () => {
  using tree = buildInstallation(
    'debian',
    {},
    {
      ...DEBIAN_MKCONFIG,
      'etc/default/grub.d/kdump-tools.cfg':
        'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT crashkernel=384M-:128M"\n',
    },
  );
  const { notes } = planPermanentParameter(stateOf(tree.root), 'crashkernel', '64M');
  assert.deepEqual(notes, [
    "/etc/default/grub.d/kdump-tools.cfg sets crashkernel, too; khop's own comes after it.",
  ]);
});

test('GRUB: without grub-mkconfig nothing is promised', () => {
  using tree = buildInstallation('debian', {});
  assert.throws(() => planPermanentParameter(stateOf(tree.root), 'crashkernel', '64M'), {
    code: 'E_UNSUPPORTED',
  });
});

test('GRUB: the default is written with its submenu, after which GRUB itself would start it', async () => {
  const images = {
    'boot/vmlinuz-6.1.0-49-amd64': '6.1.0-49-amd64',
    'boot/vmlinuz-6.1.0-50-amd64': '6.1.0-50-amd64',
  };
  using tree = buildInstallation('debian', images, DEBIAN_MKCONFIG);
  const { kernels } = readCatalogue({ root: tree.root, running: undefined });
  const nested = kernels.find(({ origin }) => origin.kind === 'grub' && origin.menuPath.includes('>'));
  assert.ok(nested?.origin.kind === 'grub', 'there is an entry in a submenu');
  const config = (text(tree.root, '/boot/grub/grub.cfg') ?? '').replace(
    'set default="0"',
    `set default="\${saved_entry}"`,
  );
  using saved = buildInstallation('debian', images, { ...DEBIAN_MKCONFIG, 'boot/grub/grub.cfg': config });
  const plan = planDefaultEntry(stateOf(saved.root), nested);
  assert.deepEqual(
    plan.steps.map((step) => step.kind),
    ['file'],
  );
  await applyBootLoaderSteps(saved.root, plan.steps);
  const after = readCatalogue({ root: saved.root, running: undefined });
  const byDefault = after.kernels.find(({ isDefault }) => isDefault);
  assert.deepEqual(byDefault?.origin, nested.origin);
  assert.equal(Buffer.byteLength(text(saved.root, '/boot/grub/grubenv') ?? ''), 1024);
  assert.deepEqual(planDefaultEntry(stateOf(saved.root), nested).steps, [], 'nothing to do');
});

test('GRUB with a fixed default is told to take the saved one, and a one-shot entry is forgotten', async () => {
  const environment = '# GRUB Environment Block\nnext_entry=1\n'.padEnd(1024, '#');
  using tree = buildInstallation('debian', {}, { ...DEBIAN_MKCONFIG, 'boot/grub/grubenv': environment });
  const kernel = kernelFrom({ kind: 'grub', config: '/boot/grub/grub.cfg', entry: 'b', menuPath: 'a>b' });
  const { steps } = planDefaultEntry(stateOf(tree.root), kernel);
  const commands: string[] = [];
  await applyBootLoaderSteps(tree.root, steps, { run: noting(tree.root, commands) });
  assert.deepEqual(
    [...parseEnvironmentBlock(text(tree.root, '/boot/grub/grubenv') ?? '')],
    [['saved_entry', 'a>b']],
  );
  assert.match(text(tree.root, '/etc/default/grub.d/zz-khop.cfg') ?? '', /^GRUB_DEFAULT=saved$/m);
  assert.equal(commands.length, 1);
  // A parameter that comes later leaves the default's line where it is.
  const parameter = planPermanentParameter(stateOf(tree.root), 'crashkernel', '64M');
  assert.match(
    parameter.steps[0]?.kind === 'file' ? (parameter.steps[0].after ?? '') : '',
    /GRUB_DEFAULT=saved/,
  );
});

test('an entry for the next start alone is known of GRUB and of systemd-boot', () => {
  for (const [line, has] of [
    ['next_entry=1', true],
    ['next_entry=', false],
    ['saved_entry=1', false],
  ] as const) {
    const environment = `# GRUB Environment Block\n${line}\n`.padEnd(1024, '#');
    using tree = buildInstallation('debian', {}, { 'boot/grub/grubenv': environment });
    assert.equal(hasOneShotEntry(stateOf(tree.root)), has, line);
  }
  using arch = buildInstallation('arch', {});
  for (const loaderEntryOneShot of ['arch.conf', '', undefined])
    assert.equal(
      hasOneShotEntry(stateOf(arch.root, { loaderEntryOneShot, loaderInfo: 'systemd-boot 257' })),
      loaderEntryOneShot === 'arch.conf',
    );
});

test('GRUB whose variables are in raw blocks of btrfs is left to its own tool', () => {
  const environment = '# GRUB Environment Block\nenv_block=512+1\nsaved_entry=old\n'.padEnd(1024, '#');
  using tree = buildInstallation('opensuse', {}, { ...PLAIN_MKCONFIG, 'boot/grub2/grubenv': environment });
  const kernel = kernelFrom({ kind: 'grub', config: '/boot/grub2/grub.cfg', entry: 'b', menuPath: 'a>b' });
  const [step] = planDefaultEntry(stateOf(tree.root), kernel).steps;
  assert.deepEqual(step, {
    kind: 'run',
    command: ['grub2-editenv', '-', 'set', 'saved_entry=a>b'],
    undo: ['grub2-editenv', '-', 'set', 'saved_entry=old'],
  });
});

test('Fedora: grubby changes the entries, and an entry is named by its file', () => {
  using tree = buildInstallation('fedora', {}, { ...PLAIN_MKCONFIG, 'usr/sbin/grubby': '' });
  const state = stateOf(tree.root);
  assert.deepEqual(planPermanentParameter(state, 'crashkernel', '64M').steps.map(describeBootLoaderStep), [
    'grubby --update-kernel=ALL --args=crashkernel=64M',
  ]);
  const entry = kernelFrom({ kind: 'bls', entry: '4a7d-6.11.4-301.fc41.x86_64.conf' });
  const [step] = planDefaultEntry(state, entry).steps;
  assert.ok(step?.kind === 'file');
  assert.equal(parseEnvironmentBlock(step.after ?? '').get('saved_entry'), '4a7d-6.11.4-301.fc41.x86_64');
});

const ARCH_COMMAND_LINE = { 'etc/kernel/cmdline': 'root=PARTUUID=6c0d quiet\n' };

test('systemd-boot: every entry and the next kernel get the parameter, and lose it again', async () => {
  using tree = buildInstallation('arch', {}, ARCH_COMMAND_LINE);
  const files = ['arch.conf', 'arch-lts+3.conf', 'arch-fallback.conf'].map(
    (name) => `/boot/loader/entries/${name}`,
  );
  const before = files.map((path) => text(tree.root, path));
  const set = planPermanentParameter(stateOf(tree.root), 'crashkernel', '64M');
  await applyBootLoaderSteps(tree.root, set.steps);
  for (const path of files) assert.match(text(tree.root, path) ?? '', /^options .* crashkernel=64M$/m, path);
  assert.equal(text(tree.root, '/etc/kernel/cmdline'), 'root=PARTUUID=6c0d quiet crashkernel=64M\n');
  assert.deepEqual(planPermanentParameter(stateOf(tree.root), 'crashkernel', '64M').steps, []);
  await applyBootLoaderSteps(tree.root, undoSteps(set.steps));
  assert.deepEqual(
    files.map((path) => text(tree.root, path)),
    before,
  );
});

test('systemd-boot: the default is a line of loader.conf, or the EFI variable where it is set', () => {
  using tree = buildInstallation('arch', {});
  const lts = kernelFrom({ kind: 'bls', entry: 'arch-lts.conf' });
  const [step] = planDefaultEntry(stateOf(tree.root), lts).steps;
  assert.ok(step?.kind === 'file');
  assert.equal(step.after, step.before?.replace('default  arch.conf', 'default arch-lts.conf'));
  const variable = stateOf(tree.root, { loaderEntryDefault: 'arch.conf', loaderInfo: 'systemd-boot 257' });
  assert.deepEqual(planDefaultEntry(variable, lts).steps, [
    {
      kind: 'run',
      command: ['bootctl', 'set-default', 'arch-lts.conf'],
      undo: ['bootctl', 'set-default', 'arch.conf'],
    },
  ]);
  assert.deepEqual(planDefaultEntry(variable, kernelFrom({ kind: 'bls', entry: 'arch.conf' })).steps, []);
});

test('systemd-boot: what was chosen for the next start alone goes, or it would start before the default', () => {
  using tree = buildInstallation('arch', {});
  const state = stateOf(tree.root, { loaderEntryOneShot: 'arch-lts.conf' });
  assert.deepEqual(planDefaultEntry(state, kernelFrom({ kind: 'bls', entry: 'arch.conf' })).steps, [
    {
      kind: 'run',
      command: ['bootctl', 'set-oneshot', ''],
      undo: ['bootctl', 'set-oneshot', 'arch-lts.conf'],
    },
  ]);
  const { steps } = planDefaultEntry(state, kernelFrom({ kind: 'bls', entry: 'arch-lts.conf' }));
  assert.deepEqual(
    steps.map(({ kind }) => kind),
    ['file'],
  );
});

test('systemd-boot with unified images alone has no place for a parameter', () => {
  using tree = buildTree({ 'boot/loader/loader.conf': 'timeout 3\n', 'boot/EFI/Linux/a.efi': '' });
  assert.throws(() => planPermanentParameter(stateOf(tree.root), 'crashkernel', '64M'), {
    code: 'E_UNSUPPORTED',
  });
});

test('extlinux: each APPEND line is changed, and so is what Debian writes the file from', async () => {
  using tree = buildInstallation('debian-arm64', {});
  const before = text(tree.root, '/boot/extlinux/extlinux.conf') ?? '';
  const set = planPermanentParameter(stateOf(tree.root), 'crashkernel', '128M');
  await applyBootLoaderSteps(tree.root, set.steps);
  const lines = (text(tree.root, '/boot/extlinux/extlinux.conf') ?? '').match(/^\s*append .*$/gm) ?? [];
  assert.ok(lines.length >= 2 && lines.every((line) => line.endsWith(' crashkernel=128M')));
  assert.match(
    text(tree.root, '/etc/default/u-boot') ?? '',
    /^U_BOOT_PARAMETERS="\$\{U_BOOT_PARAMETERS:-ro quiet\} crashkernel=128M"$/m,
  );
  const removed = planPermanentParameter(stateOf(tree.root), 'crashkernel', undefined);
  await applyBootLoaderSteps(tree.root, removed.steps);
  assert.equal(text(tree.root, '/boot/extlinux/extlinux.conf'), before);
  assert.equal(text(tree.root, '/etc/default/u-boot'), undefined);
});

test('extlinux: a label that nothing can be given is said, and where there is no other it is refused', () => {
  const bare = 'LABEL a\n  LINUX /a\n';
  using tree = buildTree({ 'boot/extlinux/extlinux.conf': `${bare}LABEL b\n  LINUX /b\n  APPEND ro\n` });
  assert.deepEqual(planPermanentParameter(stateOf(tree.root), 'crashkernel', '64M').notes, [
    'Label a has no APPEND of its own; whether it gets crashkernel= is not known.',
  ]);
  assert.deepEqual(planPermanentParameter(stateOf(tree.root), 'crashkernel', undefined).notes, []);
  using board = buildTree({ 'boot/extlinux/extlinux.conf': bare });
  assert.throws(() => planPermanentParameter(stateOf(board.root), 'crashkernel', '64M'), {
    code: 'E_UNSUPPORTED',
  });
  assert.deepEqual(planPermanentParameter(stateOf(board.root), 'crashkernel', undefined).steps, []);
});

test('extlinux: it is SYSLINUX that reads it where its second stage lies beside it, or by another name', () => {
  const bare = 'LABEL a\n  LINUX /a\n';
  for (const files of [
    { 'boot/extlinux/extlinux.conf': bare, 'boot/extlinux/ldlinux.sys': '' },
    { 'boot/extlinux.conf': bare },
    { 'boot/syslinux/syslinux.cfg': bare },
  ]) {
    using tree = buildTree(files);
    const [step] = planPermanentParameter(stateOf(tree.root), 'crashkernel', '64M').steps;
    assert.equal(step?.kind === 'file' ? step.after : '', `${bare}  APPEND crashkernel=64M\n`);
  }
});

test('systemd-boot: a default that was the last one started is a fixed one from then on, and that is said', () => {
  using tree = buildTree({ 'boot/loader/loader.conf': 'default @saved\ntimeout 3\n' });
  const kernel = kernelFrom({ kind: 'bls', entry: 'a.conf' });
  const { steps, notes } = planDefaultEntry(stateOf(tree.root), kernel);
  assert.equal(steps[0]?.kind === 'file' ? steps[0].after : '', 'default a.conf\ntimeout 3\n');
  assert.deepEqual(notes, ['loader.conf had @saved as its default: the entry that was started last.']);
});

test('extlinux: DEFAULT names the label, and what would count before it goes', () => {
  const config = 'DEFAULT a\nONTIMEOUT a\nLABEL a\n  MENU DEFAULT\n  LINUX /a\nLABEL b\n  LINUX /b\n';
  using tree = buildTree({ 'boot/extlinux/extlinux.conf': config });
  const kernel = kernelFrom({ kind: 'extlinux', config: '/boot/extlinux/extlinux.conf', entry: 'b' });
  const { steps, notes } = planDefaultEntry(stateOf(tree.root), kernel);
  assert.deepEqual(notes, []);
  assert.equal(
    steps[0]?.kind === 'file' ? steps[0].after : '',
    'default b\nLABEL a\n  LINUX /a\nLABEL b\n  LINUX /b\n',
  );
});

test('extlinux: where DEFAULT starts the menu, the label is marked in it and the menu stays', () => {
  const config = 'DEFAULT menu.c32\nLABEL virt\n  MENU DEFAULT\n  LINUX v\nLABEL lts\n  LINUX l\n';
  using tree = buildTree({ 'boot/extlinux.conf': config });
  const state = stateOf(tree.root);
  const kernel = (entry: string) => kernelFrom({ kind: 'extlinux', config: '/boot/extlinux.conf', entry });
  const [step] = planDefaultEntry(state, kernel('lts')).steps;
  assert.equal(
    step?.kind === 'file' ? step.after : '',
    'DEFAULT menu.c32\nLABEL virt\n  LINUX v\nLABEL lts\n  MENU DEFAULT\n  LINUX l\n',
  );
  assert.equal(defaultEntryOf(state), 'virt');
  assert.deepEqual(planDefaultEntry(state, kernel('virt')).steps, []);
});

test('U-Boot: bootargs is changed by its own tool; which variable names the kernel has to be said', () => {
  const uBootVariables = new Map([['bootargs', 'console=ttyS0 ro']]);
  using tree = buildTree({ 'etc/': '' });
  const state = stateOf(tree.root, { uBootVariables });
  assert.deepEqual(planPermanentParameter(state, 'crashkernel', '64M').steps, [
    {
      kind: 'run',
      command: ['fw_setenv', 'bootargs', 'console=ttyS0 ro crashkernel=64M'],
      undo: ['fw_setenv', 'bootargs', 'console=ttyS0 ro'],
    },
  ]);
  const kernel = kernelFrom({ kind: 'boot-pair' });
  assert.throws(() => planDefaultEntry(state, kernel), { code: 'E_UNSUPPORTED' });
  assert.deepEqual(planDefaultEntry(state, kernel, { uBootVariable: 'kernel_image' }).steps, [
    {
      kind: 'run',
      command: ['fw_setenv', 'kernel_image', '/boot/vmlinuz-k'],
      undo: ['fw_setenv', 'kernel_image'],
    },
  ]);
});

test('the default is read back in the words of each loader', () => {
  using debian = buildInstallation('debian', {}, DEBIAN_MKCONFIG);
  assert.equal(defaultEntryOf(stateOf(debian.root)), '0');
  using arch = buildInstallation('arch', {});
  assert.equal(defaultEntryOf(stateOf(arch.root)), 'arch.conf');
  assert.equal(defaultEntryOf(stateOf(arch.root, { loaderEntryDefault: 'b.conf' })), 'b.conf');
  using arm = buildInstallation('debian-arm64', {});
  assert.equal(defaultEntryOf(stateOf(arm.root)), 'l0');
  using none = buildTree({ 'etc/': '' });
  const board = stateOf(none.root, { uBootVariables: new Map([['kernel_image', '/a']]) });
  assert.equal(defaultEntryOf(board, { uBootVariable: 'kernel_image' }), '/a');
  assert.equal(defaultEntryOf(board), undefined);
});

test('a value with quotes or spaces, and a kernel that the loader does not know, are refused', () => {
  using tree = buildInstallation('debian', {}, DEBIAN_MKCONFIG);
  const state = stateOf(tree.root);
  assert.throws(() => planPermanentParameter(state, 'crashkernel', '64M quiet'), { code: 'E_USAGE' });
  assert.throws(() => planDefaultEntry(state, kernelFrom({ kind: 'file' })), { code: 'E_UNSUPPORTED' });
});

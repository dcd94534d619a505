import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Catalogue, findKernel, readCatalogue } from '../../src/kernels/catalogue.ts';
import type { Kernel } from '../../src/kernels/kernel.ts';
import { buildInstallation, imageOf } from '../support/fixture-tree.ts';
import { buildPe } from '../support/pe-builder.ts';
import { type BuiltTree, buildTree } from '../support/tree-builder.ts';

const ROOT_UUID = '3f1b6c1e-52a5-4b0e-9f5e-0d7f5a3c8a11';

function catalogueOf(tree: BuiltTree, release?: string, commandLine = ''): Catalogue {
  const running =
    release === undefined ? undefined : { release, commandLine, architecture: 'x86-64' as const };
  return readCatalogue({ root: tree.root, running });
}

function ids(catalogue: Catalogue): string[] {
  return catalogue.kernels.map((kernel) => kernel.id);
}

function paths(tree: BuiltTree, kernel: Kernel): string[] {
  return [kernel.image, ...kernel.initrds].map((path) => path.slice(tree.root.length));
}

function assertUsable(catalogue: Catalogue): void {
  assert.deepEqual(catalogue.warnings, []);
  for (const kernel of catalogue.kernels) assert.deepEqual(kernel.problems, [], kernel.id);
}

function buildDebian(): BuiltTree {
  return buildInstallation(
    'debian',
    { 'boot/vmlinuz-6.1.0-49-amd64': '6.1.0-49-amd64', 'boot/vmlinuz-6.1.0-50-amd64': '6.1.0-50-amd64' },
    {
      'boot/initrd.img-6.1.0-49-amd64': 'initrd',
      'boot/initrd.img-6.1.0-50-amd64': 'initrd',
      'boot/config-6.1.0-50-amd64': 'CONFIG_X=y\n',
      'lib/modules/6.1.0-50-amd64/': '',
    },
  );
}

test('Debian: each kernel once and its recovery entry, with the menu entry that means the same as an alias', () => {
  using tree = buildDebian();
  const catalogue = catalogueOf(tree, '6.1.0-49-amd64');
  assertUsable(catalogue);
  assert.deepEqual(ids(catalogue), [
    '6.1.0-50-amd64',
    '6.1.0-50-amd64-recovery',
    '6.1.0-49-amd64',
    '6.1.0-49-amd64-recovery',
  ]);
  const [newest, , older] = catalogue.kernels;
  assert.equal(newest?.commandLine, `root=UUID=${ROOT_UUID} ro quiet`);
  assert.deepEqual(paths(tree, newest!), ['/boot/vmlinuz-6.1.0-50-amd64', '/boot/initrd.img-6.1.0-50-amd64']);
  assert.equal(newest?.config, join(tree.root, 'boot/config-6.1.0-50-amd64'));
  assert.equal(newest?.modules, join(tree.root, 'lib/modules/6.1.0-50-amd64'));
  assert.ok(newest?.aliases.includes('Debian GNU/Linux, with Linux 6.1.0-50-amd64'));
  assert.deepEqual([newest?.isDefault, newest?.isNewest, newest?.isRunning], [true, true, false]);
  assert.deepEqual([older?.isDefault, older?.isNewest, older?.isRunning], [false, false, true]);
  assert.equal(catalogue.defaultId, '6.1.0-50-amd64');
});

test('Ubuntu: /boot on its own partition, named by /dev/disk/by-uuid, and the mode that gfxmode hands over', () => {
  using tree = buildInstallation(
    'ubuntu',
    {
      'boot/vmlinuz-6.8.0-51-generic': '6.8.0-51-generic',
      'boot/vmlinuz-6.8.0-52-generic': '6.8.0-52-generic',
    },
    { 'boot/initrd.img-6.8.0-51-generic': 'initrd', 'boot/initrd.img-6.8.0-52-generic': 'initrd' },
  );
  const catalogue = catalogueOf(tree);
  assertUsable(catalogue);
  assert.equal(catalogue.kernels.length, 4);
  const chosen = findKernel(catalogue, catalogue.defaultId ?? '');
  assert.deepEqual(paths(tree, chosen), [
    '/boot/vmlinuz-6.8.0-52-generic',
    '/boot/initrd.img-6.8.0-52-generic',
  ]);
  // The environment block has recordfail=1, with which Ubuntu's menu switches to text mode.
  assert.equal(chosen.commandLine, `root=UUID=${ROOT_UUID} ro quiet splash`);
  assert.deepEqual(
    catalogue.kernels.filter((kernel) => kernel.isRunning),
    [],
  );
});

test('Debian on btrfs: paths that begin with the subvolume, and a saved entry in a submenu', () => {
  using tree = buildInstallation(
    'debian-btrfs',
    { 'boot/vmlinuz-6.12.9-amd64': '6.12.9-amd64', 'boot/vmlinuz-6.12.10-amd64': '6.12.10-amd64' },
    { 'boot/initrd.img-6.12.9-amd64': 'initrd', 'boot/initrd.img-6.12.10-amd64': 'initrd' },
  );
  const catalogue = catalogueOf(tree);
  assertUsable(catalogue);
  assert.equal(catalogue.defaultId, '6.12.9-amd64');
  const chosen = findKernel(catalogue, '6.12.9-amd64');
  assert.deepEqual(paths(tree, chosen), ['/boot/vmlinuz-6.12.9-amd64', '/boot/initrd.img-6.12.9-amd64']);
  assert.equal(chosen.commandLine, `root=UUID=${ROOT_UUID} ro rootflags=subvol=@rootfs quiet`);
  // 6.12.10 is newer than 6.12.9.
  assert.equal(catalogue.kernels.find((kernel) => kernel.isNewest)?.release, '6.12.10-amd64');
});

const FEDORA_RESCUE = '0-rescue-4a7d2c1b0e9f48a6b5c3d2e1f0a9b8c7';
const FEDORA_OPTIONS = 'root=UUID=5e1c0f2a-8d3b-4c6e-9a7f-1b2c3d4e5f60 ro rootflags=subvol=root rhgb quiet';

test('Fedora: boot loader entries in the order of blscfg, with variables of the environment block', () => {
  using tree = buildInstallation(
    'fedora',
    {
      'boot/vmlinuz-6.11.4-301.fc41.x86_64': '6.11.4-301.fc41.x86_64',
      'boot/vmlinuz-6.11.10-300.fc41.x86_64': '6.11.10-300.fc41.x86_64',
      [`boot/vmlinuz-${FEDORA_RESCUE}`]: '6.11.4-301.fc41.x86_64',
    },
    {
      'boot/initramfs-6.11.4-301.fc41.x86_64.img': 'initrd',
      'boot/initramfs-6.11.10-300.fc41.x86_64.img': 'initrd',
      [`boot/initramfs-${FEDORA_RESCUE}.img`]: 'initrd',
    },
  );
  const catalogue = catalogueOf(tree);
  assertUsable(catalogue);
  assert.deepEqual(ids(catalogue), [
    '6.11.10-300.fc41.x86_64',
    '6.11.4-301.fc41.x86_64',
    '6.11.4-301.fc41.x86_64-recovery',
  ]);
  assert.deepEqual(new Set(catalogue.kernels.map((kernel) => kernel.commandLine)), new Set([FEDORA_OPTIONS]));
  assert.equal(catalogue.defaultId, '6.11.10-300.fc41.x86_64');
  assert.equal(catalogue.kernels[0]?.initrds.length, 1, '$tuned_initrd is empty and vanishes');
});

test('openSUSE: a default by title, an empty extra_cmdline, and snapshots that lead back to the menu', () => {
  using tree = buildInstallation(
    'opensuse',
    {
      'boot/vmlinuz-6.11.5-1-default': '6.11.5-1-default',
      'boot/vmlinuz-6.11.3-2-default': '6.11.3-2-default',
    },
    {
      'boot/initrd-6.11.5-1-default': 'initrd',
      'boot/initrd-6.11.3-2-default': 'initrd',
      '.snapshots/42/snapshot/boot/grub2/grub.cfg': { link: '/boot/grub2/grub.cfg' },
    },
  );
  const catalogue = catalogueOf(tree);
  assertUsable(catalogue);
  assert.equal(catalogue.defaultId, '6.11.5-1-default');
  const chosen = findKernel(catalogue, '6.11.5-1-default');
  assert.equal(
    chosen.commandLine,
    'root=UUID=8b2f4d6e-1a3c-4e5f-a7b9-c1d2e3f4a5b6 splash=silent mitigations=auto quiet security=apparmor',
  );
  const snapshots = catalogue.kernels.filter((kernel) => kernel.commandLine.includes('snapshots/42'));
  assert.equal(snapshots.length, 4);
});

test('Arch: systemd-boot entries with microcode first, a glob default and a boot counter', () => {
  using tree = buildInstallation(
    'arch',
    { 'boot/vmlinuz-linux': '6.11.5-arch1-1', 'boot/vmlinuz-linux-lts': '6.6.58-1-lts' },
    {
      'boot/intel-ucode.img': 'microcode',
      'boot/initramfs-linux.img': 'initrd',
      'boot/initramfs-linux-fallback.img': 'initrd',
      'boot/initramfs-linux-lts.img': 'initrd',
    },
  );
  const catalogue = catalogueOf(tree);
  assertUsable(catalogue);
  assert.deepEqual(ids(catalogue), ['6.11.5-arch1-1', '6.11.5-arch1-1-recovery', '6.6.58-1-lts']);
  assert.equal(catalogue.defaultId, '6.11.5-arch1-1');
  assert.deepEqual(paths(tree, catalogue.kernels[0]!), [
    '/boot/vmlinuz-linux',
    '/boot/intel-ucode.img',
    '/boot/initramfs-linux.img',
  ]);
  assert.equal(findKernel(catalogue, 'arch-lts').release, '6.6.58-1-lts');
});

test('a board with extlinux.conf: a kernel of arm64, its rescue entry, and no folder of device trees', () => {
  using tree = buildInstallation(
    'debian-arm64',
    {},
    { 'boot/vmlinuz-6.1.0-50-arm64': buildArm64Head(), 'boot/initrd.img-6.1.0-50-arm64': 'initrd' },
  );
  const running = { release: '6.1.0-49-arm64', commandLine: '', architecture: 'arm64' as const };
  const catalogue = readCatalogue({ root: tree.root, running });
  assertUsable(catalogue);
  assert.deepEqual(ids(catalogue), ['6.1.0-50-arm64', '6.1.0-50-arm64-recovery']);
  assert.equal(catalogue.defaultId, '6.1.0-50-arm64');
  assert.equal(catalogue.kernels[0]?.deviceTree, undefined);
  assert.deepEqual(catalogueOf(tree, '6.1.0-49-amd64').kernels[0]?.problems, [
    '/boot/vmlinuz-6.1.0-50-arm64 is for arm64, this machine is x86-64',
  ]);
});

test('NixOS: extlinux paths relative to its folder, a device tree, and one kernel for two labels', () => {
  using tree = buildInstallation(
    'nixos',
    {},
    {
      'boot/nixos/h3n1lq5-linux-6.6.52-Image': buildArm64Head(),
      'boot/nixos/9kd2mzf-initrd-linux-6.6.52-initrd': 'initrd',
      'boot/nixos/h3n1lq5-linux-6.6.52-dtbs/rockchip/rk3399-rock-pi-4b.dtb': 'tree',
    },
  );
  const catalogue = catalogueOf(tree);
  assertUsable(catalogue);
  const [kernel, ...others] = catalogue.kernels;
  assert.deepEqual(others, []);
  assert.equal(kernel?.title, 'NixOS - Default');
  assert.match(kernel?.deviceTree ?? '', /rk3399-rock-pi-4b\.dtb$/);
  assert.ok(kernel?.aliases.includes('nixos-7-default'));
});

/** The 64 bytes of an arm64 Image's header (Documentation/arch/arm64/booting.rst, 4), and a little more. */
function buildArm64Head(): Uint8Array {
  const image = new Uint8Array(4096);
  const view = new DataView(image.buffer);
  view.setBigUint64(8, 0n, true);
  view.setBigUint64(16, 0x10000n, true);
  view.setBigUint64(24, 0b1010n, true);
  image.set(Buffer.from('ARM\x64'), 56);
  return image;
}

test('unified kernel images are entries with the texts inside them', () => {
  const uki = buildPe({
    '.osrel': Buffer.from('ID=debian\nPRETTY_NAME="Debian GNU/Linux 13"\nVERSION_ID=13\n'),
    '.uname': Buffer.from('6.12.9-amd64'),
    '.cmdline': Buffer.from('root=/dev/vda2 ro\n'),
    '.linux': imageOf('6.12.9-amd64'),
  });
  using tree = buildTree({
    'boot/efi/EFI/Linux/debian-6.12.9+2-1.efi': uki,
    'boot/efi/EFI/Linux/broken.efi': 'MZ',
  });
  const catalogue = catalogueOf(tree);
  const [kernel, broken] = catalogue.kernels;
  assert.equal(kernel?.id, '6.12.9-amd64');
  assert.equal(kernel?.title, 'Debian GNU/Linux 13');
  assert.equal(kernel?.commandLine, 'root=/dev/vda2 ro');
  assert.deepEqual(kernel?.origin, { kind: 'uki', entry: 'debian-6.12.9.efi' });
  assert.match(broken?.problems.join() ?? '', /no unified kernel image/);
});

test('pairs in /boot count where no boot loader names the image, and take the running command line', () => {
  using tree = buildTree({
    'boot/vmlinuz-6.1.0-50-amd64': imageOf('6.1.0-50-amd64'),
    'boot/initrd.img-6.1.0-50-amd64': 'initrd',
  });
  const catalogue = catalogueOf(tree, '6.1.0-50-amd64', 'BOOT_IMAGE=/vmlinuz root=/dev/vda1 quiet');
  const [kernel] = catalogue.kernels;
  assert.equal(kernel?.commandLine, 'root=/dev/vda1 quiet');
  assert.equal(kernel?.isRunning, true);
  assert.equal(catalogue.defaultId, undefined);
});

test('links inside an image stay inside it', () => {
  using tree = buildTree({
    'usr/lib/kernel/vmlinuz': imageOf('6.1.0-50-amd64'),
    'boot/vmlinuz-6.1.0-50-amd64': { link: '/usr/lib/kernel/vmlinuz' },
    'boot/vmlinuz-6.1.0-51-amd64': { link: '../../../../../../usr/lib/kernel/vmlinuz' },
    'boot/vmlinuz-9.9': { link: '/etc/hostname' },
  });
  const catalogue = catalogueOf(tree);
  const inside = catalogue.kernels.filter((kernel) => kernel.problems.length === 0);
  assert.equal(inside.length, 1, 'two links to one image are one kernel');
  assert.equal(inside[0]?.image, join(tree.root, 'usr/lib/kernel/vmlinuz'));
});

test('what cannot be used says why, and the rest is still listed', () => {
  using tree = buildTree({
    'boot/loader/entries/gone.conf':
      'title Gone\nversion 6.9.1\nlinux /vmlinuz-6.9.1\ninitrd /initrd-6.9.1\n',
    'boot/loader/entries/empty.conf': 'title Empty\nversion 6.9.2\nlinux /empty\n',
    'boot/loader/entries/text.conf': 'title Text\nversion 6.9.3\nlinux /text\n',
    'boot/loader/entries/foreign.conf': 'title Foreign\nversion 6.9.4\nlinux /good\narchitecture AA64\n',
    'boot/loader/entries/nothing.conf': 'title Nothing\n',
    'boot/empty': '',
    'boot/text': 'this is no kernel',
    'boot/good': imageOf('6.9.4'),
  });
  const catalogue = catalogueOf(tree, '6.1.0', '');
  const problemsOf = (title: string) => catalogue.kernels.find((kernel) => kernel.title === title)?.problems;
  assert.deepEqual(problemsOf('Gone'), [
    'image /boot/vmlinuz-6.9.1 does not exist',
    'initrd /boot/initrd-6.9.1 does not exist',
  ]);
  assert.deepEqual(problemsOf('Empty'), ['image /boot/empty is empty']);
  assert.deepEqual(problemsOf('Text'), ['/boot/text is no kernel image that khop knows']);
  assert.deepEqual(problemsOf('Foreign'), [], 'the image itself counts for more than what its entry says');
  assert.deepEqual(catalogue.warnings, ['/boot/loader/entries/nothing.conf names no kernel']);
  assert.equal(catalogue.kernels.find((kernel) => kernel.isNewest)?.title, 'Foreign');
});

test('an entry of another system is not taken for a file of this one', () => {
  const grub = [
    'menuentry other --id other {',
    '  search --no-floppy --fs-uuid --set=root 99999999-0000-0000-0000-000000000000',
    '  linux /boot/vmlinuz-6.1.0-50-amd64 root=/dev/sdb1',
    '}',
  ];
  using tree = buildInstallation(
    'debian',
    { 'boot/vmlinuz-6.1.0-50-amd64': '6.1.0-50-amd64' },
    { 'boot/grub/grub.cfg': grub.join('\n') },
  );
  const problems = catalogueOf(tree).kernels.flatMap((kernel) => kernel.problems);
  assert.ok(problems.some((problem) => /which is not mounted here/.test(problem)));
});

test('a folder without kernels gives an empty catalogue without warnings', () => {
  using tree = buildTree({ 'etc/hostname': 'nothing\n' });
  assert.deepEqual(catalogueOf(tree), { kernels: [], defaultId: undefined, warnings: [] });
});

test('of two boot loaders, the one that started the machine has the default', () => {
  const arch = {
    'boot/loader/entries/a.conf': 'title A\nlinux /vmlinuz-linux\noptions a\n',
    'boot/loader/loader.conf': '',
  };
  using tree = buildInstallation(
    'debian',
    { 'boot/vmlinuz-6.1.0-50-amd64': '6.1.0-50-amd64', 'boot/vmlinuz-linux': '6.11.5-arch1-1' },
    { 'boot/initrd.img-6.1.0-50-amd64': 'initrd', ...arch },
  );
  assert.equal(catalogueOf(tree, '6.1.0-50-amd64', 'BOOT_IMAGE=/boot/x ro').defaultId, '6.1.0-50-amd64');
  assert.equal(catalogueOf(tree, '6.1.0-50-amd64', 'initrd=\\initrd ro').defaultId, '6.11.5-arch1-1');
  // A kernel that khop has started bears the mark of neither.
  const commandLine = 'ro khop.switch=0123456789abcdef';
  assert.equal(catalogueOf(tree, '6.1.0-50-amd64', commandLine).defaultId, '6.1.0-50-amd64');
  const running = { release: '6.1.0-50-amd64', commandLine, architecture: 'x86-64' as const };
  const loaderInfo = 'systemd-boot 257';
  assert.equal(readCatalogue({ root: tree.root, running, loaderInfo }).defaultId, '6.11.5-arch1-1');
});

test('a link to an image of /boot does not hide the initrd that lies beside it', () => {
  using tree = buildTree({
    'boot/vmlinuz-6.6.30-current': imageOf('6.6.30-current'),
    'boot/initrd.img-6.6.30-current': 'initrd',
    'boot/Image': { link: 'vmlinuz-6.6.30-current' },
  });
  const { kernels } = catalogueOf(tree);
  assert.deepEqual(
    kernels.map((kernel) => paths(tree, kernel)),
    [['/boot/vmlinuz-6.6.30-current', '/boot/initrd.img-6.6.30-current']],
  );
});

test('a folder that is not there is an error, not a system without kernels', () => {
  using tree = buildTree({ file: 'x' });
  for (const name of ['gone', 'file'])
    assert.throws(() => readCatalogue({ root: join(tree.root, name), running: undefined }), {
      code: 'E_NOT_FOUND',
      message: /is no folder that holds a system/,
    });
});

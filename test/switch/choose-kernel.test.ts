import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseKernel, readKernels } from '../../src/switch/choose-kernel.ts';
import { imageOf } from '../support/fixture-tree.ts';
import { absent, healthyEfi, healthyMachine, read } from '../support/machine-facts.ts';
import { quietWorld } from '../support/switch-world.ts';
import { buildTree, type TreeFiles } from '../support/tree-builder.ts';

const EFIVARS = 'sys/firmware/efi/efivars';
const VENDOR = '4a67b082-0a4c-41cf-b6c7-440b29bb8c4f';

/** Attributes, then UTF-16 with a NUL, as efivarfs has it. */
function variable(text: string): Uint8Array {
  return Buffer.concat([Buffer.from([7, 0, 0, 0]), Buffer.from(`${text}\0`, 'utf16le')]);
}

/** What starts by itself where systemd-boot has two entries, and loader.conf names the newer one. */
function defaultWith(
  files: TreeFiles,
  loaderConf = 'default new.conf\n',
  machine = healthyMachine(),
): string | undefined {
  using tree = buildTree({
    'boot/loader/loader.conf': loaderConf,
    'boot/loader/entries/new.conf': 'title New\nlinux /vmlinuz-6.12.9-amd64\noptions root=/dev/vda1\n',
    'boot/loader/entries/old.conf': 'title Old\nlinux /vmlinuz-6.1.0-50-amd64\noptions root=/dev/vda1\n',
    'boot/vmlinuz-6.12.9-amd64': imageOf('6.12.9-amd64'),
    'boot/vmlinuz-6.1.0-50-amd64': imageOf('6.1.0-50-amd64'),
    ...files,
  });
  const world = quietWorld(tree.root);
  const { defaultId } = readKernels(world, machine);
  assert.equal(chooseKernel(world, machine, undefined).id, defaultId);
  return defaultId;
}

test('the entry that bootctl set-default has chosen counts before loader.conf', () => {
  const chosen = { [`${EFIVARS}/LoaderEntryDefault-${VENDOR}`]: variable('old.conf') };
  assert.equal(defaultWith({}), '6.12.9-amd64');
  assert.equal(defaultWith(chosen), '6.1.0-50-amd64');
});

test('after a switch, a leftover grub.cfg does not hide the entries of the systemd-boot that started the machine', () => {
  const grub = {
    'boot/grub/grub.cfg': "menuentry 'Old' { linux /boot/vmlinuz-6.1.0-50-amd64 root=/dev/vda1 }",
  };
  const info = { [`${EFIVARS}/LoaderInfo-${VENDOR}`]: variable('systemd-boot 257.9') };
  const switched = { ...healthyMachine(), commandLine: read('ro khop.switch=x', '/proc/cmdline') };
  assert.equal(defaultWith(grub, undefined, switched), '6.1.0-50-amd64');
  assert.equal(defaultWith({ ...grub, ...info }, undefined, switched), '6.12.9-amd64');
});

test('the entry that was chosen for the next start alone is what starts next', () => {
  const lasting = { [`${EFIVARS}/LoaderEntryDefault-${VENDOR}`]: variable('new.conf') };
  const once = { [`${EFIVARS}/LoaderEntryOneShot-${VENDOR}`]: variable('old.conf') };
  assert.equal(defaultWith({ ...lasting, ...once }), '6.1.0-50-amd64');
});

test('where the choice is the entry that was started last, that one is the default', () => {
  const saved = { [`${EFIVARS}/LoaderEntryDefault-${VENDOR}`]: variable('@saved') };
  const last = { [`${EFIVARS}/LoaderEntryLastBooted-${VENDOR}`]: variable('old.conf') };
  assert.equal(defaultWith({ ...saved, ...last }), '6.1.0-50-amd64');
  assert.equal(defaultWith(saved), '6.12.9-amd64');
  const conf = 'default @saved\n';
  const newest = { [`${EFIVARS}/LoaderEntryLastBooted-${VENDOR}`]: variable('new.conf') };
  assert.equal(defaultWith(newest, conf), '6.12.9-amd64');
  assert.equal(defaultWith({}, conf), '6.1.0-50-amd64', 'the first of the menu');
});

test('a GRUB menu that depends on the firmware is read as this machine’s firmware shows it', () => {
  const entry = (release: string): string =>
    `menuentry '${release}' { linux /boot/vmlinuz-${release} root=/dev/vda1 }`;
  using tree = buildTree({
    'boot/grub/grub.cfg':
      `if [ "$grub_platform" = "efi" ]; then\n${entry('6.12.9-amd64')}\n` +
      `else\n${entry('6.1.0-50-amd64')}\nfi\n`,
    'boot/vmlinuz-6.12.9-amd64': imageOf('6.12.9-amd64'),
    'boot/vmlinuz-6.1.0-50-amd64': imageOf('6.1.0-50-amd64'),
  });
  const defaultOn = (efi: ReturnType<typeof healthyMachine>['efi'], release = healthyMachine().release) =>
    readKernels(quietWorld(tree.root), healthyMachine({ efi, release })).defaultId;
  assert.equal(defaultOn(absent()), '6.1.0-50-amd64');
  assert.equal(defaultOn(read(healthyEfi())), '6.12.9-amd64');
  assert.equal(defaultOn(absent(), absent()), '6.12.9-amd64');
});

test('another system’s entry is not taken for one of this system whose fstab names no UUID', () => {
  const entry = (title: string, uuid: string): string =>
    `menuentry '${title}' { search --set=root --fs-uuid ${uuid}\n` +
    `linux /boot/vmlinuz-6.1.0-50-amd64 root=${title} }\n`;
  using tree = buildTree({
    'etc/fstab': '/dev/mapper/vg-root / ext4 errors=remount-ro 0 1\n',
    'proc/self/mountinfo': '21 1 254:0 / / rw - ext4 /dev/mapper/vg-root rw',
    'sys/dev/block/254:0': { link: '../../devices/virtual/block/dm-0' },
    'dev/disk/by-uuid/aa': { link: '../../dm-0' },
    'boot/grub/grub.cfg': entry('ours', 'aa') + entry('theirs', 'bb'),
    'boot/vmlinuz-6.1.0-50-amd64': imageOf('6.1.0-50-amd64'),
  });
  const { kernels } = readKernels(quietWorld(tree.root), healthyMachine());
  const problems = Object.fromEntries(kernels.map(({ title, problems: found }) => [title, found]));
  assert.deepEqual(problems.ours, []);
  assert.match(problems.theirs?.[0] ?? '', /is on UUID=bb, which is not mounted here/);
});

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { readKernelAtPath } from '../../src/kernels/by-path.ts';
import { buildDeb, buildTar } from '../support/deb-builder.ts';
import { imageOf } from '../support/fixture-tree.ts';
import { buildPe } from '../support/pe-builder.ts';
import { type BuiltTree, buildTree, type TreeFiles } from '../support/tree-builder.ts';

/** Above the largest process id there can be (PID_MAX_LIMIT). */
const GONE = 2 ** 22 + 1;

const RUNNING = {
  release: '6.1.0-1-amd64',
  commandLine: 'BOOT_IMAGE=/vmlinuz root=UUID=1 ro',
  architecture: 'x86-64' as const,
};

function read(tree: BuiltTree, path: string) {
  return readKernelAtPath(join(tree.root, path), { cacheFolder: join(tree.root, 'cache'), running: RUNNING });
}

test('an image file takes the initrd beside it and the running command line', () => {
  using tree = buildTree({ 'x/vmlinuz-9.9.9': imageOf('9.9.9-test'), 'x/initrd.img-9.9.9': 'initrd' });
  const kernel = read(tree, 'x/vmlinuz-9.9.9');
  assert.deepEqual(kernel.origin, { kind: 'file' });
  assert.equal(kernel.release, '9.9.9-test');
  assert.equal(kernel.image, join(tree.root, 'x/vmlinuz-9.9.9'));
  assert.deepEqual(kernel.initrds, [join(tree.root, 'x/initrd.img-9.9.9')]);
  assert.equal(kernel.commandLine, 'root=UUID=1 ro');
  assert.deepEqual(kernel.problems, []);
});

test('the configuration beside an image is its own', () => {
  using tree = buildTree({ 'x/vmlinuz-9.9.9': imageOf('9.9.9-test'), 'x/config-9.9.9-test': 'CONFIG_X=y' });
  assert.equal(read(tree, 'x/vmlinuz-9.9.9').config, join(tree.root, 'x/config-9.9.9-test'));
});

test('a unified image brings its own command line and initrd', () => {
  const uki = buildPe({
    '.linux': imageOf('9.9.9'),
    '.uname': Buffer.from('9.9.9'),
    '.cmdline': Buffer.from('root=/dev/vda'),
  });
  using tree = buildTree({ 'a.efi': uki });
  const kernel = read(tree, 'a.efi');
  assert.deepEqual([kernel.release, kernel.commandLine, kernel.initrds], ['9.9.9', 'root=/dev/vda', []]);
});

test('what is no kernel says so, and what does not exist is an error', () => {
  using tree = buildTree({ text: 'hello', empty: '' });
  assert.match(read(tree, 'text').problems.join(), /no kernel image/);
  assert.match(read(tree, 'empty').problems.join(), /is empty/);
  assert.throws(() => read(tree, 'gone'), { code: 'E_NOT_FOUND' });
});

test('a build tree gives the image its build left, with release and configuration', () => {
  using tree = buildTree({
    'linux/arch/x86/boot/bzImage': imageOf('7.0.0-dirty'),
    'linux/include/config/kernel.release': '7.0.0-dirty\n',
    'linux/.config': 'CONFIG_KEXEC=y\n',
    'empty/README': '',
  });
  const kernel = read(tree, 'linux');
  assert.deepEqual(kernel.origin, { kind: 'build-tree', tree: join(tree.root, 'linux') });
  assert.equal(kernel.release, '7.0.0-dirty');
  assert.equal(kernel.config, join(tree.root, 'linux/.config'));
  assert.throws(() => read(tree, 'empty'), { code: 'E_NOT_FOUND', message: /no built kernel/ });
});

function packageOf(files: TreeFiles): Uint8Array {
  const members = Object.entries(files).map(([path, node]) => [`./${path}`, node] as const);
  return buildDeb(gzipSync(buildTar(Object.fromEntries(members))), 'data.tar.gz');
}

test('a package is unpacked once into a folder named by its hash', () => {
  const deb = packageOf({
    'boot/vmlinuz-6.9.1-amd64': imageOf('6.9.1-amd64'),
    'boot/config-6.9.1-amd64': 'CONFIG_X=y\n',
    'lib/modules/6.9.1-amd64/kernel/fs/ext4.ko': 'module',
    'usr/share/doc/readme': 'left out',
  });
  using tree = buildTree({ 'linux.deb': deb, 'again.deb': deb });
  const kernel = read(tree, 'linux.deb');
  assert.deepEqual(kernel.origin, { kind: 'deb', package: join(tree.root, 'linux.deb') });
  assert.equal(kernel.release, '6.9.1-amd64');
  assert.match(kernel.image, /cache\/packages\/[0-9a-f]{64}\/boot\/vmlinuz-6\.9\.1-amd64$/);
  assert.match(kernel.config ?? '', /config-6\.9\.1-amd64$/);
  assert.match(kernel.modules ?? '', /packages\/[0-9a-f]{64}\/lib\/modules\/6\.9\.1-amd64$/);
  assert.equal(read(tree, 'again.deb').image, kernel.image);
  assert.equal(readdirSync(join(tree.root, 'cache/packages')).length, 1, 'nothing half-done is left');
  assert.equal(existsSync(join(kernel.image, '../../usr/share')), false);
});

test('a package of which a power cut has left a file short, or no list, is unpacked anew', () => {
  const module = 'lib/modules/6.9.1-amd64/kernel/fs/ext4.ko';
  const deb = packageOf({ 'boot/vmlinuz-6.9.1-amd64': imageOf('6.9.1-amd64'), [module]: 'a module' });
  for (const [name, size] of [
    ['boot/vmlinuz-6.9.1-amd64', 0],
    [module, 3],
    ['unpacked.json', 0],
  ] as const) {
    using tree = buildTree({ 'linux.deb': deb });
    const folder = dirname(dirname(read(tree, 'linux.deb').image));
    const path = join(folder, name);
    const whole = readFileSync(path);
    const before = statSync(folder).ino;
    read(tree, 'linux.deb');
    assert.equal(statSync(folder).ino, before, 'what is whole stays');
    truncateSync(path, size);
    read(tree, 'linux.deb');
    assert.deepEqual(readFileSync(path), whole, name);
  }
});

test('what a killed process has left half unpacked goes, and the folder of one that works stays', () => {
  using tree = buildTree({
    'linux.deb': packageOf({ 'boot/vmlinuz-6.9.1': imageOf('6.9.1') }),
    'cache/packages/unpacking-older/boot/vmlinuz': 'x',
    [`cache/packages/unpacking-${GONE}-a/boot/vmlinuz`]: 'x',
    [`cache/packages/unpacking-${process.ppid}-b/boot/vmlinuz`]: 'x',
  });
  read(tree, 'linux.deb');
  const left = readdirSync(join(tree.root, 'cache/packages')).filter((name) => name.startsWith('unpacking-'));
  assert.deepEqual(left, [`unpacking-${process.ppid}-b`]);
});

test('the image may lie among the modules, as newer packages have it', () => {
  using tree = buildTree({ 'a.deb': packageOf({ 'usr/lib/modules/7.2.1/vmlinuz': imageOf('7.2.1') }) });
  const kernel = read(tree, 'a.deb');
  assert.equal(kernel.release, '7.2.1');
  assert.equal(kernel.modules, undefined, 'its modules are in another package');
});

test('a package cannot write outside the cache, nor through links of its own', () => {
  const deb = packageOf({
    'boot/../../../../escaped': 'x',
    'boot/link': { link: '/tmp' },
    'boot/link/file': 'x',
    'boot/vmlinuz-1.2.3': imageOf('1.2.3'),
  });
  using tree = buildTree({ 'evil.deb': deb });
  const kernel = read(tree, 'evil.deb');
  assert.equal(existsSync(join(tree.root, 'escaped')), false);
  assert.equal(existsSync('/tmp/file'), false);
  assert.equal(kernel.release, '1.2.3');
});

test('of a split package, the part that has the kernel is named', () => {
  const control = 'Package: linux-image-7.2-amd64\nDepends: dracut, linux-binary-7.2-amd64 (= 7.2-1)\n';
  const deb = buildDeb(buildTar({ 'usr/share/doc/x': '' }), 'data.tar', control);
  using tree = buildTree({ 'image.deb': deb });
  assert.throws(() => read(tree, 'image.deb'), {
    code: 'E_UNSUPPORTED',
    hint: 'It depends on linux-binary-7.2-amd64: name that package instead.',
  });
});

test('a package without a kernel, or a damaged one, is an error that names it', () => {
  using tree = buildTree({ 'doc.deb': packageOf({ 'boot/README': 'x' }), 'bad.deb': 'not a package' });
  assert.throws(() => read(tree, 'doc.deb'), {
    code: 'E_UNSUPPORTED',
    message: /doc\.deb holds no kernel image/,
  });
  assert.throws(() => read(tree, 'bad.deb'), { code: 'E_FORMAT', message: /bad\.deb: deb: magic/ });
  assert.deepEqual(
    readdirSync(join(tree.root, 'cache/packages')).filter((name) => name.startsWith('unpacking')),
    [],
  );
});

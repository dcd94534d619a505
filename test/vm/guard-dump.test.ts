import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fetchPackage, findWithDependencies, unpackPackage } from '../../src/lab/debian-packages.ts';
import { writeExt4Image } from '../../src/lab/ext4-image.ts';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';

const COMMAND = { timeoutMs: 120_000 };
const HOME_TIMEOUT_MS = 120_000;
const STATE = '/var/lib/khop';

/** makedumpfile with its libraries, in one folder, as an image. */
async function makedumpfileDisk(folder: string): Promise<string> {
  const unpacked = join(folder, 'unpacked');
  const tree = join(folder, 'tree');
  mkdirSync(tree);
  for (const found of await findWithDependencies(
    'bookworm',
    ['makedumpfile'],
    ['perl', 'libc6', 'libgcc-s1'],
  ))
    await unpackPackage(await fetchPackage(found), unpacked);
  copyFileSync(join(unpacked, 'usr/bin/makedumpfile'), join(tree, 'makedumpfile'));
  for (const libraries of ['lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu'].map((at) =>
    join(unpacked, at),
  ))
    if (existsSync(libraries))
      for (const name of readdirSync(libraries).filter((each) => isLibrary(join(libraries, each))))
        copyFileSync(join(libraries, name), join(tree, name));
  const image = join(folder, 'makedumpfile.img');
  await writeExt4Image(tree, image, { label: 'makedumpfile', spareMib: 8 });
  return image;
}

/** A file, or a link to one. */
function isLibrary(path: string): boolean {
  return /\.so(\.|$)/.test(path) && (statSync(path, { throwIfNoEntry: false })?.isFile() ?? false);
}

/** As after every start of a kernel: the initramfs is new. */
const PREPARE = [
  `mkdir -p ${STATE} /makedumpfile /usr/lib /usr/sbin`,
  'touch /lib/modules/$(uname -r)/modules.builtin',
  'mount-tool makedumpfile /makedumpfile && cp /makedumpfile/*.so* /usr/lib && cp /makedumpfile/makedumpfile /usr/sbin',
  `mount /dev/$(grep -l target /sys/block/vd*/serial | cut -d/ -f4) ${STATE}`,
  `mkdir -p ${STATE}/crashes`,
].join('\n');

/** Arms, crashes, comes home; what `khop arrive` says, the newest crash's folder and its chain. */
async function crash(machine: VirtualMachine, words: string) {
  const armed = (await machine.run(`khop guard on ${words}`, COMMAND)).stdout;
  const { bootId } = await machine.waitForHello(1000);
  await machine.start('echo c >/proc/sysrq-trigger');
  await machine.waitForNewKernel(bootId, HOME_TIMEOUT_MS);
  await machine.run(PREPARE, COMMAND);
  const arrived = (await machine.run('khop arrive', COMMAND)).stdout;
  const folder = (await machine.run(`ls -d ${STATE}/crashes/* | tail -n 1`, COMMAND)).stdout.trim();
  const files = (await machine.run(`ls ${folder}`, COMMAND)).stdout.split('\n');
  const chain = (await machine.run(`cat ${folder}/chain.txt`, COMMAND)).stdout;
  const said = (await machine.run(`cat ${folder}/makedumpfile.txt 2>/dev/null || true`, COMMAND)).stdout;
  return { armed, arrived, folder, files, chain: `${chain}${said}` };
}

test('memory is saved filtered and whole, readable by khop and makedumpfile, and never at the cost of the way home', {
  timeout: 600_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'khop-guard-dump-'));
  try {
    const target = join(folder, 'target.img');
    const empty = join(folder, 'empty');
    mkdirSync(empty);
    await writeExt4Image(empty, target, {
      label: 'target',
      spareMib: 700,
      sizeMib: 700,
      hasJournal: true,
      uuid: '11111111-2222-3333-4444-555555555555',
    });
    await using machine = await startSmallMachine({
      kernel: '6.1',
      memoryMib: 768,
      kernelArguments: 'crashkernel=256M',
      isCold: true,
      disks: [
        { serial: 'target', path: target, access: 'overlay' },
        { serial: 'makedumpfile', path: await makedumpfileDisk(folder), access: 'read-only' },
      ],
    });
    await machine.run(PREPARE, COMMAND);

    const filtered = await crash(machine, '--dump filtered --keep-free 64');
    assert.match(filtered.armed, /dump +what makedumpfile does not leave out/);
    assert.match(filtered.chain, /^dump-done \d+ filtered, bytes: \d+\nleave-kexec /m);
    assert.ok(filtered.files.includes('vmcore') && !filtered.files.includes('vmcore.incomplete'));
    await assertReadable(machine, filtered.folder, /kdump/);

    const whole = await crash(machine, '--dump whole --keep-free 64');
    assert.match(whole.chain, /^dump-done \d+ whole, bytes: \d+\nleave-kexec /m);
    await assertReadable(machine, whole.folder, /ELF/);

    await forgetCrashes(machine);
    // More than is there, but less than what is free before the dump: it runs out while it is written.
    const free = Number((await machine.run(`df -m ${STATE} | tail -n 1 | awk '{print $4}'`, COMMAND)).stdout);
    const full = await crash(machine, `--dump whole --keep-free ${free - 20} --keep-dumps 1`);
    assert.match(full.chain, /^dump-incomplete \d+ no space, bytes left: \d+\nleave-kexec /m);
    assert.ok(full.files.includes('vmcore.incomplete') && full.files.includes('dmesg.txt'));
    assert.match(full.arrived, /Removed the dump of an older crash/);

    const skipped = await crash(machine, '--dump whole --keep-free 100000');
    assert.match(skipped.chain, /^dump-skipped \d+ no space, bytes free: \d+\nleave-kexec /m);
    assert.ok(skipped.files.includes('dmesg.txt'));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** The same crash three times in a row would end in a shell: the firmware starts a machine that knows of none. */
async function forgetCrashes(machine: VirtualMachine): Promise<void> {
  await machine.run(`rm ${STATE}/history.jsonl && umount ${STATE}`, COMMAND);
  const { bootId } = await machine.waitForHello(1000);
  await machine.reset();
  await machine.waitForNewKernel(bootId, HOME_TIMEOUT_MS);
  await machine.run(PREPARE, COMMAND);
}

/** The log in the dump is the report's, for khop and for makedumpfile. */
async function assertReadable(machine: VirtualMachine, folder: string, format: RegExp): Promise<void> {
  assert.match((await machine.run(`khop vmcore info ${folder}/vmcore`, COMMAND)).stdout, format);
  const report = (await machine.run(`cat ${folder}/dmesg.txt`, COMMAND)).stdout;
  const own = (await machine.run(`khop vmcore dmesg ${folder}/vmcore`, COMMAND)).stdout;
  const theirs = (
    await machine.run(
      `/lib64/ld-linux-x86-64.so.2 --library-path /usr/lib:/tool/lib /usr/sbin/makedumpfile --dump-dmesg ${folder}/vmcore /tmp/log >/dev/null && cat /tmp/log && rm /tmp/log`,
      COMMAND,
    )
  ).stdout;
  const panic = /Kernel panic - not syncing: sysrq triggered crash/;
  for (const text of [report, own, theirs]) assert.match(text, panic);
}

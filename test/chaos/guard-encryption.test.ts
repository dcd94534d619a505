/**
 * Encrypted reports and dumps, by Debian's age in the panic kernel: nothing that tells of the crash is on a disk or goes
 * home in memory as it was, also when age fails there.
 * @module
 */
import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AGE_TEXT_START } from '../../src/formats/age-file.ts';
import { fn } from '../../src/formats/static-program/functions.ts';
import { LINUX } from '../../src/formats/static-program/library/linux.ts';
import { writeAll } from '../../src/formats/static-program/library/output.ts';
import { giveBack, when } from '../../src/formats/static-program/statements.ts';
import { encodeStaticProgram } from '../../src/formats/static-program/static-program.ts';
import { sys } from '../../src/formats/static-program/terms.ts';
import { fetchPackage, findWithDependencies, unpackPackage } from '../../src/lab/debian-packages.ts';
import { writeExt4Image } from '../../src/lab/ext4-image.ts';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';

const COMMAND = { timeoutMs: 300_000 };
const HOME_TIMEOUT_MS = 300_000;
const STATE = '/var/lib/khop';
const PARTITION = 'aaaaaaaa-02';
/** What only the log of the kernel that died says. */
const SECRET = 'sysrq triggered crash';
/** On a disk that stays, as a person would keep it elsewhere. */
const KEY = '/keys/key.txt';

/** age and makedumpfile with their libraries, in one folder, as an image. */
async function programsDisk(folder: string): Promise<string> {
  const unpacked = join(folder, 'unpacked');
  const tree = join(folder, 'tree');
  mkdirSync(tree);
  const packages = await findWithDependencies('bookworm', ['makedumpfile', 'age'], ['perl', 'libgcc-s1']);
  for (const found of packages) await unpackPackage(await fetchPackage(found), unpacked);
  for (const name of ['makedumpfile', 'age', 'age-keygen'])
    copyFileSync(join(unpacked, 'usr/bin', name), join(tree, name));
  for (const libraries of ['lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu'].map((at) =>
    join(unpacked, at),
  ))
    if (existsSync(libraries))
      for (const name of readdirSync(libraries).filter((each) => isLibrary(join(libraries, each))))
        copyFileSync(join(libraries, name), join(tree, name));
  writeFileSync(join(tree, 'failing-age'), ageThatFailsInTheCapture(), { mode: 0o755 });
  const image = join(folder, 'programs.img');
  await writeExt4Image(tree, image, { label: 'programs', spareMib: 8 });
  return image;
}

/** A file, or a link to one. */
function isLibrary(path: string): boolean {
  return /\.so(\.|$)/.test(path) && (statSync(path, { throwIfNoEntry: false })?.isFile() ?? false);
}

/** It passes for age until there is the memory of a dead kernel. */
function ageThatFailsInTheCapture(): Uint8Array {
  const main = fn('main', ['stack'], [], () => [
    when([sys.openat(LINUX.AT_FDCWD, '/proc/vmcore', LINUX.O_RDONLY), '>=', 0], [giveBack(3)]),
    writeAll(1, AGE_TEXT_START, AGE_TEXT_START.length),
    giveBack(0),
  ]);
  return encodeStaticProgram(main, 'x86-64');
}

/** As after every start of a kernel: the initramfs is new, and there is no udev. */
const PREPARE = [
  `mkdir -p ${STATE} /programs /keys /usr/lib /usr/sbin /dev/disk/by-partuuid`,
  'touch /lib/modules/$(uname -r)/modules.builtin',
  'mount-tool programs /programs && cp /programs/*.so* /usr/lib',
  'cp /programs/makedumpfile /usr/sbin && cp /programs/age /programs/age-keygen /usr/bin',
  'disk() { grep -l "$1" /sys/block/vd*/serial | cut -d/ -f4; }',
  `mount /dev/$(disk target) ${STATE}`,
  'mount /dev/$(disk keys) /keys',
  `ln -sf ../../$(disk raw) /dev/disk/by-partuuid/${PARTITION}`,
  `mkdir -p ${STATE}/crashes`,
].join('\n');

async function say(machine: VirtualMachine, command: string): Promise<string> {
  return (await machine.run(command, COMMAND)).stdout;
}

/** Crashes, comes home; what `khop arrive` says, the newest crash's folder, its files and its chain. */
async function crash(machine: VirtualMachine) {
  const { bootId } = await machine.waitForHello(1000);
  await machine.start('echo c >/proc/sysrq-trigger');
  await machine.waitForNewKernel(bootId, HOME_TIMEOUT_MS);
  await machine.run(PREPARE, COMMAND);
  // What came home in memory, before anything reads it.
  const node = await say(machine, `grep -l '${SECRET}' /sys/kernel/boot_params/setup_data/*/data || true`);
  assert.equal(node.trim(), '', 'the log went home in memory as it was');
  const arrived = await say(machine, 'khop arrive');
  const folder = (await say(machine, `ls -d ${STATE}/crashes/* | tail -n 1`)).trim();
  const files = (await say(machine, `ls ${folder}`)).trim().split('\n');
  const chain = await say(machine, `cat ${folder}/chain.txt`);
  const clear = await say(
    machine,
    // Dumps are large, and opened below.
    `find ${STATE} -type f ! -name 'vmcore*' -exec grep -l -e '${SECRET}' -e OSRELEASE {} + || true`,
  );
  assert.equal(clear.trim(), '', 'something was written as it was');
  return { arrived, folder, files, chain };
}

/** The same crash three times in a row would end in a shell: the firmware starts a machine that knows of none. */
async function forgetCrashes(machine: VirtualMachine): Promise<void> {
  await machine.run(`rm -r ${STATE}/history.jsonl ${STATE}/crashes && umount ${STATE} /keys`, COMMAND);
  const { bootId } = await machine.waitForHello(1000);
  await machine.reset();
  await machine.waitForNewKernel(bootId, HOME_TIMEOUT_MS);
  await machine.run(PREPARE, COMMAND);
}

test('with a key nothing of a crash lies anywhere as it was, whoever has the other key reads all of it, and every way home ends there', {
  timeout: 2_400_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'khop-guard-encryption-'));
  try {
    const empty = join(folder, 'empty');
    mkdirSync(empty);
    const target = join(folder, 'target.img');
    await writeExt4Image(empty, target, {
      label: 'target',
      spareMib: 1400,
      sizeMib: 1400,
      hasJournal: true,
      uuid: '11111111-2222-3333-4444-555555555555',
    });
    const keys = join(folder, 'keys.img');
    await writeExt4Image(empty, keys, { label: 'keys', spareMib: 16, sizeMib: 16, hasJournal: true });
    const raw = join(folder, 'raw.img');
    writeFileSync(raw, new Uint8Array(16 * 1024 * 1024));
    await using machine = await startSmallMachine({
      kernel: '6.1',
      memoryMib: 768,
      kernelArguments: 'crashkernel=256M',
      isCold: true,
      disks: [
        { serial: 'target', path: target, access: 'overlay' },
        { serial: 'raw', path: raw, access: 'overlay' },
        { serial: 'keys', path: keys, access: 'overlay' },
        { serial: 'programs', path: await programsDisk(folder), access: 'read-only' },
      ],
    });
    await machine.run(PREPARE, COMMAND);
    await machine.run(`age-keygen -o ${KEY} && age-keygen -y ${KEY} >/keys/recipients`, COMMAND);
    const open = async (crashed: string, name: string): Promise<string> =>
      await say(
        machine,
        `age -d -i ${KEY} ${crashed}/${name} >${STATE}/opened && khop vmcore info ${STATE}/opened && khop vmcore dmesg ${STATE}/opened; rm ${STATE}/opened`,
      );

    const armed = await say(
      machine,
      'khop guard on --dump filtered --keep-free 64 --encrypt-to /keys/recipients',
    );
    assert.match(armed, /encryption +for 1 age key; takes \d+\.\d MiB of the reservation/);
    assert.match(await say(machine, 'khop guard status'), /encryption +for 1 age key/);
    const filtered = await crash(machine);
    assert.match(filtered.chain, /^encrypted \d+$/m);
    assert.match(
      filtered.chain,
      /^report \d+\ndump-started \d+\ndump-done \d+ encrypted, filtered, bytes: \d+$/m,
    );
    assert.match(filtered.chain, /^home \d+ kexec/m);
    assert.deepEqual(filtered.files.toSorted(), [
      'chain.txt',
      'dmesg.txt.age',
      'makedumpfile.txt.age',
      'report.json',
      'vmcore.age',
      'vmcoreinfo.txt.age',
    ]);
    assert.match(filtered.arrived, /encrypted/);
    assert.match(await say(machine, 'khop crashes'), /A crash whose report is encrypted/);
    assert.doesNotMatch(await say(machine, 'khop crashes show last'), new RegExp(SECRET));
    const opened = JSON.parse(await say(machine, `khop crashes show last --identity ${KEY} --json`));
    assert.match(opened.panicLine, new RegExp(SECRET));
    assert.deepEqual(opened.gaps, []);
    assert.match(await open(filtered.folder, 'vmcore.age'), /kdump[\s\S]*sysrq triggered crash/);

    await machine.run('khop guard on --dump whole --keep-free 64 --encrypt-to /keys/recipients', COMMAND);
    const whole = await crash(machine);
    assert.match(whole.chain, /^dump-done \d+ encrypted, whole, bytes: \d+$/m);
    assert.match(await open(whole.folder, 'vmcore.age'), /ELF[\s\S]*sysrq triggered crash/);

    await forgetCrashes(machine);
    await machine.run(`khop guard on --to raw:PARTUUID=${PARTITION} --encrypt-to /keys/recipients`, COMMAND);
    const brought = await crash(machine);
    assert.deepEqual(brought.files.toSorted(), [
      'chain.txt',
      'dmesg.txt.age',
      'report.json',
      'vmcoreinfo.txt.age',
    ]);
    assert.match(
      await say(machine, `khop crashes show last --identity ${KEY}`),
      new RegExp(`panic .*${SECRET}`),
    );

    await machine.run('cp /programs/failing-age /usr/bin/age', COMMAND);
    await machine.run('khop guard on --dump whole --keep-free 64 --encrypt-to /keys/recipients', COMMAND);
    const failed = await crash(machine);
    assert.match(failed.chain, /^encryption-failed \d+ nothing of the crash is written, age ended with: 3$/m);
    assert.match(failed.chain, /^report-failed \d+ only these steps are written, files encrypted: 0\n/m);
    assert.match(failed.chain, /^dump-skipped .*\nleave-kexec \d+\nhome \d+ kexec/m);
    assert.deepEqual(failed.files.toSorted(), ['chain.txt', 'report.json']);

    await forgetCrashes(machine);
    await machine.run('khop guard on --encrypt-to /keys/recipients', COMMAND);
    await machine.run('rm /usr/bin/age', COMMAND);
    assert.match(
      await say(machine, 'khop guard rearm'),
      /encryption +cannot be done, .*age is not installed/,
    );
    const without = await crash(machine);
    assert.match(without.chain, /^encryption-failed /m);
    assert.match(without.chain, /^home \d+ kexec/m);
    assert.deepEqual(without.files.toSorted(), ['chain.txt', 'report.json']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

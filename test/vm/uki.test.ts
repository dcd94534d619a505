/**
 * A unified kernel image as systemd's ukify makes it: its parts are read, planned for both calls, and started.
 * @module
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { cpioFile, cpioFolder, encodeCpio, parentFolders } from '../../src/formats/cpio-writer.ts';
import { identifyImage } from '../../src/formats/image-kind.ts';
import { readInitramfs } from '../../src/formats/initramfs.ts';
import { parseUki } from '../../src/formats/uki.ts';
import { labKernel } from '../../src/lab/kernel-store.ts';
import { smallInitramfs } from '../../src/lab/small-initramfs.ts';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import { buildUki } from '../../src/lab/ukify.ts';
import { planLoad } from '../../src/plan/plan-load.ts';
import { loadRequest, segmentOf, segmentPlan } from '../support/load-requests.ts';
import { COMMAND, hop } from './switching.ts';

const LIMIT = { timeout: 600_000 };

const COMMAND_LINE = 'console=ttyS0 from=uki';
const OS_RELEASE = 'PRETTY_NAME="Debian in one file"\nID=debian\n';
const MICROCODE_FILE = 'kernel/x86/microcode/AuthenticAMD.bin';
const MICROCODE = encodeCpio([
  ...parentFolders([MICROCODE_FILE]).map((name) => cpioFolder(name)),
  cpioFile(MICROCODE_FILE, Buffer.from('no microcode: the processor of the lab takes none')),
]);

/** The image, with the files that it was made from. */
async function makeUki() {
  const kernel = await labKernel('6.12');
  const initrd = await smallInitramfs(kernel);
  const folder = await mkdtemp(join(tmpdir(), 'khop-uki-'));
  try {
    const microcode = join(folder, 'microcode.cpio');
    await writeFile(microcode, MICROCODE);
    const path = await buildUki({
      linux: kernel.image,
      initrd,
      microcode,
      commandLine: COMMAND_LINE,
      release: kernel.release,
      osRelease: OS_RELEASE,
    });
    return { path, bytes: await readFile(path), kernel, initrd: await readFile(initrd) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('every part that ukify was given is read back from the image that it wrote', LIMIT, async () => {
  const { bytes, kernel, initrd } = await makeUki();
  assert.equal(identifyImage(bytes), 'uki');
  const uki = parseUki(bytes);
  assert.ok((await readFile(kernel.image)).equals(uki.linux));
  assert.ok(initrd.equals(uki.initrd ?? new Uint8Array()));
  assert.ok(Buffer.from(MICROCODE).equals(uki.microcode ?? new Uint8Array()));
  assert.equal(uki.commandLine, COMMAND_LINE);
  assert.equal(uki.release, kernel.release);
  assert.equal(uki.osRelease, OS_RELEASE.trim());
  assert.match(uki.sbat ?? '', /^sbat,1,/);
  assert.deepEqual(uki.profiles, []);
});

test('what ukify wrote is planned for both calls, its microcode before its initrd', LIMIT, async () => {
  const { path, bytes, kernel } = await makeUki();
  const request = { image: { name: path, path, bytes }, initrds: [], commandLine: undefined };
  const file = planLoad(loadRequest({ ...request, method: 'file' }));
  assert.equal(file.method, 'file');
  assert.equal(file.image.path, undefined, 'the kernel is given the image inside, not the file around it');
  assert.ok((await readFile(kernel.image)).equals(file.image.bytes));
  assert.equal(file.commandLine, COMMAND_LINE);
  const segments = segmentPlan(request);
  assert.equal(segments.commandLine, COMMAND_LINE);
  for (const initrd of [file.initrd?.bytes, segmentOf(segments, 'initrd').bytes]) {
    const { parts, hasMicrocode, misalignedArchives } = readInitramfs(initrd ?? new Uint8Array(), path);
    assert.equal(hasMicrocode, true);
    assert.equal(parts[0]?.entries.at(-1)?.name, MICROCODE_FILE);
    assert.ok(parts[1]?.entries.some((entry) => entry.name === 'init'));
    assert.deepEqual(misalignedArchives, []);
  }
});

for (const method of ['file', 'segments'] as const)
  test(`khop switches to what ukify wrote by ${method}, with the command line in it`, LIMIT, async () => {
    const { bytes, kernel } = await makeUki();
    await using machine = await startSmallMachine({ kernel: '6.1' });
    await machine.copyIn(bytes, '/tmp/debian.efi');
    const hello = await hop(machine, `khop switch /tmp/debian.efi --method ${method} --now --no-trial --yes`);
    assert.equal(hello.release, kernel.release);
    const commandLine = (await machine.run('cat /proc/cmdline', COMMAND)).stdout;
    assert.match(commandLine, /^console=ttyS0 from=uki khop\.switch=[0-9a-f]{16}$/m);
  });

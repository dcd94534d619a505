import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openKernelFile } from '../../src/machine/kernel-file.ts';
import { leaseOf, mapLeased, requireLeases } from '../../src/machine/leased-file.ts';
import { isMapped } from '../../src/machine/mapped-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'khop-leased-'));
after(() => rmSync(folder, { recursive: true }));

const LARGEST = 2 ** 30;
const CONTENT = new Uint8Array(16 * 2 ** 20 + 5).fill(7);

function fileWith(name: string, bytes: Uint8Array = CONTENT): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** What somebody else gets who opens the file for writing and does not want to wait. */
function openToWrite(path: string): string {
  try {
    closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK));
    return 'opened';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? '';
  }
}

test('a large file is mapped, and nobody writes to it unnoticed', () => {
  const path = fileWith('large');
  const bytes = mapLeased(path, LARGEST);
  assert.ok(bytes !== undefined && isMapped(bytes));
  assert.ok(Buffer.from(bytes.buffer).equals(CONTENT));
  const lease = leaseOf(bytes.subarray(5));
  assert.equal(lease?.path, path);
  assert.equal(lease?.isHeld(), true);
  requireLeases([bytes, new Uint8Array(3)]);
  using _file = openKernelFile({ name: 'initrd', path, bytes });
  // Who waits is let through when the lease is given up, which this process does by its end.
  assert.equal(openToWrite(path), 'EAGAIN');
  assert.equal(lease?.isHeld(), false);
  const refusal = { code: 'E_REFUSED', message: `${path} has changed since it was read and checked` };
  assert.throws(() => requireLeases([new Uint8Array(3), bytes]), refusal);
  assert.throws(() => openKernelFile({ name: 'initrd', path, bytes }), refusal);
});

test('the kernel is given the file that was mapped, whatever has its name by then', () => {
  const path = fileWith('replaced');
  const bytes = mapLeased(path, LARGEST);
  assert.ok(bytes !== undefined);
  renameSync(fileWith('other', new Uint8Array(CONTENT.length).fill(8)), path);
  for (let time = 0; time < 2; time++) {
    using file = openKernelFile({ name: 'initrd', path, bytes });
    assert.deepEqual(
      new Uint8Array(readFileSync(`/proc/self/fd/${file.descriptor}`)),
      CONTENT,
      'also the second time: it stays open',
    );
  }
});

test('a link leads to the file', () => {
  const link = join(folder, 'link');
  symlinkSync(fileWith('target'), link);
  assert.equal(mapLeased(link, LARGEST)?.length, CONTENT.length);
});

test('what is better read is not mapped, and stays open to others', () => {
  assert.equal(mapLeased(folder, LARGEST), undefined);
  assert.equal(mapLeased(join(folder, 'nothing'), LARGEST), undefined);
  const small = fileWith('small', CONTENT.subarray(0, 2 ** 20));
  assert.equal(mapLeased(small, LARGEST), undefined);
  assert.equal(openToWrite(small), 'opened');
  const huge = fileWith('huge');
  assert.equal(mapLeased(huge, CONTENT.length - 1), undefined);
  assert.equal(openToWrite(huge), 'opened');
  const fifo = join(folder, 'fifo');
  assert.equal(spawnSync('mkfifo', [fifo]).status, 0);
  assert.equal(mapLeased(fifo, LARGEST), undefined);
  const written = fileWith('written');
  const writer = openSync(written, 'r+');
  assert.equal(mapLeased(written, LARGEST), undefined);
  closeSync(writer);
  assert.ok(mapLeased(written, LARGEST) !== undefined);
});

test('a broken lease does not end the process', () => {
  const script = `
    const { mapLeased, leaseOf } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/machine/leased-file.ts'))});
    const { spawn } = await import('node:child_process');
    const bytes = mapLeased(process.argv[1], Infinity);
    const other = spawn('sh', ['-c', ': >"$1"', 'sh', process.argv[1]]);
    const until = Date.now() + 20000;
    while (leaseOf(bytes).isHeld() && Date.now() < until) await new Promise((go) => setTimeout(go, 20));
    console.log(leaseOf(bytes).isHeld(), bytes.at(-1));
    process.exit(0);`;
  const path = fileWith('shortened');
  const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script, path], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.equal(status, 0);
  assert.equal(stdout, 'false 7\n');
});

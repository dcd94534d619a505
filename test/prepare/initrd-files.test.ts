import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, test } from 'node:test';
import { isMapped } from '../../src/machine/mapped-file.ts';
import { readInitrdFiles } from '../../src/prepare/initrd-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'khop-initrds-'));
after(() => rmSync(folder, { recursive: true }));

const small = join(folder, 'small.img');
const large = join(folder, 'large.img');
writeFileSync(small, 'small');
writeFileSync(large, new Uint8Array(17 * 2 ** 20).fill(1));

test('large files stay in their files, small ones are read, each with its name and path', () => {
  const name = relative(process.cwd(), large);
  const files = readInitrdFiles([small, name], false);
  assert.deepEqual(
    files.map((file) => [file.name, file.path, file.bytes.length, isMapped(file.bytes)]),
    [
      [small, small, 5, false],
      [name, large, 17 * 2 ** 20, true],
    ],
  );
});

test('on the way home everything is read', () => {
  const [file] = readInitrdFiles([large], true);
  assert.equal(file?.bytes.length, 17 * 2 ** 20);
  assert.equal(isMapped(file!.bytes), false);
});

test('what cannot be read is told as by reading', () => {
  assert.throws(() => readInitrdFiles([join(folder, 'none')], false), { code: 'E_NOT_FOUND' });
  assert.throws(() => readInitrdFiles([folder], false), { code: 'E_FORMAT', message: /is a folder/ });
});

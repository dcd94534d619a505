import assert from 'node:assert/strict';
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { followFile } from '../../src/lab/guest-output.ts';

test('what was there and what is appended comes in order, characters whole', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'khop-output-'));
  const path = join(folder, 'output.log');
  await writeFile(path, 'before ');
  const stop = new AbortController();
  const seen: string[] = [];
  const all = Promise.withResolvers<void>();
  const following = followFile(
    path,
    (text) => {
      seen.push(text);
      if (seen.join('').endsWith('.')) all.resolve();
    },
    stop.signal,
  );
  const euro = Buffer.from('€');
  await appendFile(path, euro.subarray(0, 1));
  await appendFile(path, Buffer.concat([euro.subarray(1), Buffer.from('.')]));
  await all.promise;
  stop.abort();
  await following;
  assert.equal(seen.join(''), 'before €.');
  await rm(folder, { recursive: true });
});

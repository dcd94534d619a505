import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { appendDurably, readIfPresent, removeDurably, writeDurably } from '../../src/machine/durable-file.ts';

function withFolder(work: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'khop-durable-'));
  try {
    work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('a file is replaced as a whole, in folders that are made for it, readable by root alone', () => {
  withFolder((folder) => {
    const path = join(folder, 'a/b/ticket.json');
    writeDurably(path, 'a long first version');
    writeDurably(path, 'short é');
    assert.equal(readFileSync(path, 'utf8'), 'short é');
    assert.deepEqual(readdirSync(join(folder, 'a/b')), ['ticket.json']);
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });
});

test('a write that cannot be done leaves the old content', () => {
  withFolder((folder) => {
    const path = join(folder, 'ticket.json');
    writeDurably(path, 'old');
    mkdirSync(`${path}.new`);
    assert.throws(() => writeDurably(path, 'new'), { code: 'EISDIR' });
    assert.equal(readFileSync(path, 'utf8'), 'old');
  });
});

test('where there is no space the error names the file, and nothing half-written is left', () => {
  withFolder((folder) => {
    const path = join(folder, 'ticket.json');
    writeDurably(path, 'old');
    symlinkSync('/dev/full', `${path}.new`);
    assert.throws(() => writeDurably(path, 'new'), { code: 'ENOSPC', path: `${path}.new` });
    assert.deepEqual(readdirSync(folder), ['ticket.json']);
    assert.equal(readFileSync(path, 'utf8'), 'old');
  });
});

test('what a write that was cut off left beside is no obstacle', () => {
  withFolder((folder) => {
    const path = join(folder, 'ticket.json');
    writeFileSync(`${path}.new`, 'half of a much longer text than the next');
    writeDurably(path, 'whole');
    assert.equal(readFileSync(path, 'utf8'), 'whole');
  });
});

test('lines are appended, and a torn last line is ended first', () => {
  withFolder((folder) => {
    const path = join(folder, 'state/history.jsonl');
    appendDurably(path, '{"a":1}\n');
    appendDurably(path, '{"a":2}\n');
    appendFileSync(path, '{"a":');
    appendDurably(path, '{"a":3}\n');
    assert.equal(readFileSync(path, 'utf8'), '{"a":1}\n{"a":2}\n{"a":\n{"a":3}\n');
  });
});

test('removing is no error when there is nothing, and a file that is not there reads as undefined', () => {
  withFolder((folder) => {
    const path = join(folder, 'x');
    removeDurably(path);
    removeDurably(join(folder, 'no/such/folder/x'));
    assert.equal(readIfPresent(path), undefined);
    writeDurably(path, '');
    assert.equal(readIfPresent(path), '');
    removeDurably(path);
    assert.equal(readIfPresent(path), undefined);
    assert.throws(() => readIfPresent(folder), { code: 'EISDIR' });
  });
});

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readProgramFiles } from '../../src/machine/program-files.ts';
import { buildElf } from '../support/elf-writer.ts';
import { buildTree } from '../support/tree-builder.ts';

test('a program of this machine runs from one folder with nothing but what was collected', (context) => {
  const files = readProgramFiles('/', 'ls');
  if (files.state !== 'read') return context.skip('there is no ls that is a program of its own');
  const { program, loader, libraries } = files.value;
  if (loader === undefined) return context.skip('ls is linked statically');
  const folder = mkdtempSync(join(tmpdir(), 'khop-files-'));
  try {
    for (const { name, bytes } of [program, loader, ...libraries])
      writeFileSync(join(folder, name), bytes, { mode: 0o755 });
    const { status, stdout } = spawnSync(
      join(folder, loader.name),
      ['--inhibit-cache', '--library-path', folder, join(folder, 'ls'), folder],
      { timeout: 20_000 },
    );
    assert.equal(status, 0);
    const names = ['ls', loader.name, ...libraries.map(({ name }) => name)];
    assert.deepEqual(stdout.toString().trim().split('\n').sort(), names.sort());
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a program that is not installed is absent, and what is no program is unreadable', () => {
  using tree = buildTree({ 'usr/bin/script': '#!/bin/sh\n' });
  assert.equal(readProgramFiles(tree.root, 'makedumpfile').state, 'absent');
  const script = readProgramFiles(tree.root, 'script');
  assert.equal(script.state, 'unreadable');
  assert.match(script.state === 'unreadable' ? script.reason : '', /ELF/);
});

test('a static program has no loader and no libraries', () => {
  using tree = buildTree({ 'usr/sbin/makedumpfile': buildElf({ segments: [{ bytes: Buffer.from('x') }] }) });
  const files = readProgramFiles(tree.root, 'makedumpfile');
  assert.equal(files.state, 'read');
  assert.deepEqual(files.state === 'read' ? [files.value.loader, files.value.libraries] : [], [
    undefined,
    [],
  ]);
});

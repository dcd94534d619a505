import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { isInstalled } from '../../../tools/bootstrap/node-modules.mjs';
import {
  checkProjectNode,
  explainStartFailure,
  projectNodePath,
  runScript,
} from '../../../tools/bootstrap/project-node.mjs';

const ROOT = new URL('../../..', import.meta.url).pathname;

test('a missing libatomic is explained with the name of its package', () => {
  const words = 'node: error while loading shared libraries: libatomic.so.1: cannot open shared object file';
  assert.match(explainStartFailure(words), /install libatomic1 \(Debian/);
});

test('any other missing library, an old glibc, musl and noexec are explained too', () => {
  assert.match(explainStartFailure('loading shared libraries: libfoo.so.2: cannot'), /needs libfoo\.so\.2/);
  assert.match(explainStartFailure("version `GLIBC_2.28' not found"), /glibc 2\.28 or newer/);
  assert.match(explainStartFailure('spawn /x/node ENOENT'), /musl/);
  assert.match(explainStartFailure('spawn /x/node EACCES'), /noexec/);
  assert.match(explainStartFailure('something else\n'), /does not start: something else$/);
});

test('other systems and processors are refused by name', () => {
  assert.throws(() => projectNodePath(ROOT, 'darwin', 'arm64'), /this machine is darwin, arm64/);
  assert.throws(() => projectNodePath(ROOT, 'linux', 'riscv64'), /this machine is linux, riscv64/);
});

test('a program that does not start gives the explanation', () => {
  assert.throws(() => checkProjectNode('/no/such/node'), /musl/);
});

test('a script ends with its own exit status, or with 128 and the number of its signal', async () => {
  using folder = temporaryFolder();
  const script = path.join(folder.path, 'end.mjs');
  writeFileSync(
    script,
    'if (process.argv[2] === "7") process.exit(7); process.kill(process.pid, "SIGKILL");',
  );
  assert.equal(await runScript(process.execPath, script, ['7'], folder.path), 7);
  assert.equal(await runScript(process.execPath, script, [], folder.path), 137);
});

test('node_modules of another package-lock.json count as not installed', () => {
  using folder = temporaryFolder();
  writeFileSync(path.join(folder.path, 'package-lock.json'), '{}');
  assert.equal(isInstalled(folder.path), false);
});

function temporaryFolder(): Disposable & { readonly path: string } {
  const folder = mkdtempSync(path.join(tmpdir(), 'khop-bootstrap-'));
  return { path: folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

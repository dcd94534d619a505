import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const MODULE = join(import.meta.dirname, '..', '..', 'src/cli/standard-streams.ts');
const DEADLINE = { encoding: 'utf8', timeout: 60_000 } as const;
/** More than a pipe holds (64 KiB, pipe(7)). */
const LONG = 300_000;

/** A Node.js program that has writeText, writeRemark and isTerminal. */
function program(statements: string): string[] {
  return [
    '--input-type=module',
    '-e',
    `import { isTerminal, writeRemark, writeText } from '${MODULE}';\n${statements}`,
  ];
}

test('all of a long text arrives, in order with what follows, and no stream is made for it', () => {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    program(`writeText('stdout', 'a'.repeat(${LONG})); writeText('stdout', 'é\\n');
      writeText('stderr', String(process.moduleLoadList.includes('NativeModule net')));`),
    { ...DEADLINE, maxBuffer: 2 * LONG },
  );
  assert.equal(stdout, `${'a'.repeat(LONG)}é\n`);
  assert.equal(stderr, 'false');
});

test('a full pipe that somebody made non-blocking gets all of the text as it is read', async () => {
  // A socket pair, which is what Node.js gives a child, is non-blocking once its stream has been made.
  const child = spawn(
    process.execPath,
    program(`process.stdout; writeText('stdout', 'a'.repeat(${LONG})); writeText('stdout', 'b\\n');`),
    { stdio: ['ignore', 'pipe', 'inherit'], timeout: DEADLINE.timeout },
  );
  let text = '';
  for await (const part of child.stdout) text += part;
  assert.equal(text, `${'a'.repeat(LONG)}b\n`);
});

test('a reader that has gone ends the writing, not the program', () => {
  const words = program(`writeText('stdout', 'a'.repeat(${LONG})); writeText('stderr', 'still here');`);
  const { status, stderr } = spawnSync(
    'sh',
    ['-c', '{ "$@"; echo " $?" >&2; } | true', 'sh', process.execPath, ...words],
    DEADLINE,
  );
  assert.equal(status, 0);
  assert.equal(stderr, 'still here 0\n');
});

test('a terminal that has gone ends the writing, not the program', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'khop-streams-'));
  try {
    const words = program(`import { renameSync, writeFileSync } from 'node:fs';
      const done = (text) => { writeFileSync('${folder}/part', text); renameSync('${folder}/part', '${folder}/end'); };
      process.once('SIGHUP', () => {
        try { writeText('stdout', 'gone'); done('still here'); } catch (error) { done(String(error)); }
        process.exit();
      });
      setTimeout(() => process.exit(), 20_000);
      writeText('stdout', 'ready');`);
    const terminal = spawn(
      'script',
      ['-qec', 'exec "$NODE" --input-type=module -e "$STATEMENTS"', '/dev/null'],
      {
        env: { ...process.env, NODE: process.execPath, STATEMENTS: words.at(-1) },
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    for await (const part of terminal.stdout) if (String(part).includes('ready')) terminal.kill('SIGKILL');
    const deadline = performance.now() + 20_000;
    while (!existsSync(`${folder}/end`) && performance.now() < deadline)
      await new Promise((next) => setTimeout(next, 20));
    assert.equal(readFileSync(`${folder}/end`, 'utf8'), 'still here');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a remark that cannot be written is no error', () => {
  const words = program(`writeRemark('x'.repeat(10)); writeText('stdout', 'still here');`);
  const { status, stdout } = spawnSync(
    'sh',
    ['-c', '"$@" 2>/dev/full', 'sh', process.execPath, ...words],
    DEADLINE,
  );
  assert.deepEqual([status, stdout], [0, 'still here']);
});

test('a pipe and /dev/null are no terminals, and a pseudo-terminal is one', () => {
  const words = program(`writeText('stderr', String(isTerminal('stdout')));`);
  assert.equal(spawnSync(process.execPath, words, DEADLINE).stderr, 'false');
  const ignoring = spawnSync(process.execPath, words, { ...DEADLINE, stdio: ['ignore', 'ignore', 'pipe'] });
  assert.equal(ignoring.stderr, 'false');
  const onTerminal = spawnSync(
    'script',
    ['-qec', '"$NODE" --input-type=module -e "$STATEMENTS"', '/dev/null'],
    {
      ...DEADLINE,
      env: { ...process.env, NODE: process.execPath, STATEMENTS: words.at(-1) },
    },
  );
  assert.equal(onTerminal.stdout, 'true');
});

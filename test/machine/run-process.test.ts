import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import { formatCommand, runProcess } from '../../src/machine/run-process.ts';

const node = process.execPath;
const run = (code: string, options: Partial<Parameters<typeof runProcess>[2]> = {}) =>
  runProcess(node, ['-e', code], { timeoutMs: 4000, killAfterMs: 100, ...options });

async function failure(promise: Promise<unknown>): Promise<KhopError> {
  const error = await promise.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  assert.ok(error instanceof KhopError, `expected a KhopError, got ${error}`);
  return error;
}

test('output of both streams and the exit code come back', async () => {
  const result = await run('process.stdout.write("out é"); process.stderr.write("err")');
  assert.deepEqual(
    { ...result, stdoutBytes: [...result.stdoutBytes] },
    { exitCode: 0, signal: null, stdout: 'out é', stderr: 'err', stdoutBytes: [...Buffer.from('out é')] },
  );
});

test('stdin carries the input, and is empty without one', async () => {
  const copy = 'process.stdin.pipe(process.stdout)';
  assert.equal((await run(copy, { input: 'to you' })).stdout, 'to you');
  assert.equal((await run(copy)).stdout, '');
});

test('a child that does not read a large input still gives its own result', async () => {
  const result = await run('process.exit(0)', { input: Buffer.alloc(4 << 20) });
  assert.equal(result.exitCode, 0);
});

test('no word reaches a shell', async () => {
  const result = await runProcess(node, ['-p', 'process.argv[1]', '$(id); echo'], { timeoutMs: 4000 });
  assert.equal(result.stdout, '$(id); echo\n');
});

test('a failure shows command, exit status and the last lines of stderr only', async () => {
  const error = await failure(
    run('for (let i = 0; i < 20; i++) console.error("line " + i); process.exitCode = 7'),
  );
  assert.equal(error.code, 'E_CHILD');
  assert.match(error.message, /exit status 7\n/);
  assert.match(error.message, /line 19$/);
  assert.doesNotMatch(error.message, /line 13\n/);
});

test('an accepted exit code is a result', async () => {
  assert.equal((await run('process.exit(3)', { acceptExitCodes: [0, 3] })).exitCode, 3);
  assert.equal((await run('process.exit(9)', { acceptExitCodes: 'any' })).exitCode, 9);
});

test('death by a signal is named', async () => {
  const error = await failure(run('process.kill(process.pid, "SIGKILL")'));
  assert.match(error.message, /killed by SIGKILL/);
});

test('a child that ignores SIGTERM is killed after the deadline', async () => {
  const started = performance.now();
  const error = await failure(
    run('process.on("SIGTERM", () => {}); console.error("waiting"); setInterval(() => {}, 1000)', {
      timeoutMs: 400,
    }),
  );
  assert.equal(error.code, 'E_TIMEOUT');
  assert.match(error.message, /within 0\.4 s/);
  assert.ok(performance.now() - started < 20_000);
});

test('a grandchild that holds the pipes open does not keep us waiting', async () => {
  const code = `require('node:child_process').spawn(process.execPath, ['-e', 'setTimeout(() => {}, 20000)'],
    { stdio: 'inherit' }); setTimeout(() => {}, 20000)`;
  const started = performance.now();
  assert.equal((await failure(run(code, { timeoutMs: 300 }))).code, 'E_TIMEOUT');
  assert.ok(performance.now() - started < 15_000);
});

test('with its own group, grandchildren end with the child', async () => {
  const code = `require('node:child_process').spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)'],
    { stdio: 'inherit' }); setTimeout(() => {}, 60000)`;
  const started = performance.now();
  // The promise settles when the last holder of the pipes is gone; SIGKILL and its destroying of the pipes come too late here.
  const error = await failure(run(code, { timeoutMs: 500, ownGroup: true, killAfterMs: 60_000 }));
  assert.equal(error.code, 'E_TIMEOUT');
  assert.ok(performance.now() - started < 40_000);
});

test('an abort stops the child, and one before the start starts nothing', async () => {
  const controller = new AbortController();
  const promise = run('setTimeout(() => {}, 5000)', { signal: controller.signal });
  controller.abort(new Error('enough'));
  assert.match((await failure(promise)).message, /was cancelled/);
  assert.match((await failure(run('', { signal: AbortSignal.abort() }))).message, /was cancelled/);
});

test('output beyond the limit ends the child', async () => {
  const error = await failure(
    run('setInterval(() => process.stdout.write("x".repeat(4096)), 1)', { maxOutputBytes: 10_000 }),
  );
  assert.equal(error.code, 'E_CHILD');
  assert.match(error.message, /more than 10000 bytes to stdout/);
});

test('a program that does not exist is named', async () => {
  const error = await failure(runProcess('khop-no-such-program', ['-x'], { timeoutMs: 1000 }));
  assert.equal(error.code, 'E_CHILD');
  assert.match(error.message, /^khop-no-such-program -x: no such program/);
  assert.match(error.hint, /khop-no-such-program/);
});

test('commands are shown as they would be typed', () => {
  assert.equal(formatCommand('ls', ['-l', '/a b', "it's", '']), "ls -l '/a b' 'it'\\''s' ''");
});

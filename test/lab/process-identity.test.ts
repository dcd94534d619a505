import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { identifyProcess, isSameProcess } from '../../src/lab/process-identity.ts';

test('a process is itself until it ends', async () => {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  await once(child, 'spawn');
  const identity = await identifyProcess(child.pid ?? 0);
  assert.equal(await isSameProcess(identity), true);
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.equal(await isSameProcess(identity), false);
  await assert.rejects(identifyProcess(child.pid ?? 0), { code: 'E_NOT_FOUND' });
});

test('another start time or another boot of the host means another process', async () => {
  const own = await identifyProcess(process.pid);
  assert.equal(await isSameProcess({ ...own, startTime: '1' }), false);
  assert.equal(await isSameProcess({ ...own, hostBootId: 'another' }), false);
});

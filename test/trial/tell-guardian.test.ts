import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Process } from '../../src/machine/processes.ts';
import { endGuardian } from '../../src/trial/tell-guardian.ts';

function processNamed(pid: number, name: string, isStorageDaemon: boolean): Process {
  return { pid, parent: 1, name, isKernelThread: false, hasTerminal: false, isStorageDaemon };
}

const OTHERS = [processNamed(1, 'systemd', false), processNamed(7, 'khop-guardian', false)];

/** @param looks how often the guardian is seen */
async function tell(looks: number): Promise<string[]> {
  const signals: string[] = [];
  let left = looks;
  await endGuardian({
    processes: () => (left-- > 0 ? [...OTHERS, processNamed(5, 'khop-guardian', true)] : OTHERS),
    signal: (pid, signal) => signals.push(`${signal} ${pid}`),
    wait: async () => undefined,
  });
  return signals;
}

test('the guardian is told once, and what only has its name is not', async () => {
  assert.deepEqual(await tell(0), []);
  assert.deepEqual(await tell(9), ['SIGUSR2 5']);
});

test('a guardian that does not end may still go home, which is an error', async () => {
  await assert.rejects(tell(1000), { code: 'E_TIMEOUT', message: /khop-guardian has not ended within 10 s/ });
});

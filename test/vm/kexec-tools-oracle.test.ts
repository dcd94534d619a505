/**
 * kexec-tools as the oracle, live: the same kernels on the same machine, loaded by it and planned by khop.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import { assertAgrees, type ComparedPlan, parseKexecDebugOutput } from '../support/kexec-debug-output.ts';
import { COMMAND, kernelWords } from './switching.ts';

for (const firmware of ['seabios', 'ovmf'] as const)
  test(`khop plans what kexec-tools loads, for three kernels under ${firmware}`, {
    timeout: 600_000,
  }, async () => {
    await using machine = await startSmallMachine({ kernel: '6.1', firmware });
    for (const line of ['6.1', '6.12', '7.2'] as const) {
      const words = kernelWords(line);
      const loaded = await machine.run(`kexec-tools -d -l -c ${words} 2>&1`, COMMAND);
      const planned = await machine.run(`khop plan ${words} --method segments --json`, COMMAND);
      const plan = JSON.parse(planned.stdout) as ComparedPlan;
      assert.ok(plan.segments.length >= 5, line);
      assertAgrees(plan, parseKexecDebugOutput(loaded.stdout));
    }
  });

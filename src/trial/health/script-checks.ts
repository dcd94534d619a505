/**
 * The administrator's own checks: programs in required.d and wanted.d. Exit status 0: passed; 75 (EX_TEMPFAIL of
 * sysexits.h), or no end before the deadline: not yet; anything else: failed.
 * @module
 */
import { join } from 'node:path';
import type { CheckScript } from '../../machine/check-scripts.ts';
import { type CheckInput, type CheckOutcome, type HealthCheck, notReadable, passed } from './check.ts';

const EX_TEMPFAIL = 75;

export const SCRIPT_CHECKS: readonly HealthCheck[] = [
  {
    id: 'services.required-scripts',
    phase: 'services',
    isRequired: true,
    isLast: true,
    run: (input) => runScripts(input, 'required.d'),
  },
  {
    id: 'services.wanted-scripts',
    phase: 'services',
    isRequired: false,
    isLast: true,
    run: (input) => runScripts(input, 'wanted.d'),
  },
];

/** One after the other, in the order of their names, all of them: a person wants to know of every failure. */
async function runScripts(input: CheckInput, name: string): Promise<CheckOutcome> {
  const folder = join(input.settings.scriptFolder, name);
  const scripts = input.world.listScripts(folder);
  if (scripts.state === 'unreadable') return notReadable(scripts);
  if (scripts.state === 'absent' || scripts.value.length === 0)
    return passed(`there are no scripts in ${folder}`);
  const outcomes: CheckOutcome[] = [];
  for (const script of scripts.value) outcomes.push(await runScript(input, script));
  const bad = outcomes.filter(({ state }) => state !== 'passed');
  if (bad.length === 0) return passed(`passed: ${scripts.value.map(({ path }) => path).join(', ')}`);
  return {
    state: bad.some(({ state }) => state === 'failed') ? 'failed' : 'waiting',
    detail: bad.map(({ detail }) => detail).join('\n'),
    remedy: 'Run the script by hand under this kernel.',
  };
}

async function runScript(
  { world, settings }: CheckInput,
  { path, refusal }: CheckScript,
): Promise<CheckOutcome> {
  if (refusal !== null) return { state: 'failed', detail: `${path} was not run: ${refusal}` };
  const { exitCode, lines, isLate, problem } = await world.runScript(path, {
    timeoutMs: settings.scriptSeconds * 1000,
    signal: world.signal,
    environment: {
      KHOP_TRIAL_ID: settings.trial.id,
      KHOP_FROM_RELEASE: settings.trial.fromRelease,
      KHOP_TO_RELEASE: settings.trial.toRelease ?? '',
    },
  });
  if (exitCode === 0) return passed(path);
  const how = isLate
    ? `did not end within ${settings.scriptSeconds} s`
    : (problem ?? (exitCode === EX_TEMPFAIL ? 'says: not yet' : `exit status ${exitCode}`));
  const detail = [`${path}: ${how}`, ...lines.map((line) => `  ${line}`)].join('\n');
  return { state: isLate || exitCode === EX_TEMPFAIL ? 'waiting' : 'failed', detail };
}

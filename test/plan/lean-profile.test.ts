import assert from 'node:assert/strict';
import { test } from 'node:test';
import { warmProfile } from '../../src/plan/boot-profile.ts';
import { leanProfile } from '../../src/plan/lean-profile.ts';
import { healthyMachine, read, unreadable } from '../support/machine-facts.ts';
import { healthyImage } from '../support/preflight-input.ts';

const MACHINE = healthyMachine();
const SYMBOLS: readonly (readonly [string, string])[] = [
  ['CONFIG_CRYPTO_JITTERENTROPY', 'y'],
  ['CONFIG_EVENT_TRACING', 'y'],
  ['CONFIG_KPROBE_EVENTS', 'y'],
];
const KERNEL = healthyImage({ config: read(new Map(SYMBOLS)) });

/** Initcalls that the profile skips for that command line. */
function skipped(commandLine: string, kernel = KERNEL): string[] {
  return leanProfile(kernel, MACHINE, commandLine).parameters.flatMap(({ text }) => {
    const [name, value] = text.split('=');
    return name === 'initcall_blacklist' ? [value ?? ''] : [];
  });
}

test('the lean profile has all of the warm one, and three start-up steps less, each with its price', () => {
  const { parameters } = leanProfile(KERNEL, MACHINE, 'quiet');
  const warm = warmProfile(KERNEL, MACHINE, 'quiet').parameters;
  assert.deepEqual(parameters.slice(0, warm.length), warm);
  assert.deepEqual(skipped('quiet'), ['jent_mod_init', 'trace_eval_init', 'init_kprobe_trace']);
  for (const { text, cost, gain } of parameters) {
    assert.ok(cost.length > 10 && gain.length > 10, text);
    // Each has to be told from the administrator's own on the next switch, by `khop.added=`.
    assert.doesNotMatch(text, /[ ,]/);
  }
});

test('in FIPS mode no step is left out: the random generator needs its second source', () => {
  const profile = leanProfile(KERNEL, MACHINE, 'quiet fips=1');
  assert.deepEqual(
    profile.parameters.filter(({ text }) => text.startsWith('initcall_blacklist')),
    [],
  );
  assert.equal(profile.notes.filter(({ why }) => why.includes('certified')).length, 3);
});

test('what the command line skips already is not added again, in a list or alone', () => {
  const given = 'initcall_blacklist=jent_mod_init,other initcall_blacklist=init_kprobe_trace';
  assert.deepEqual(skipped(given), ['trace_eval_init']);
});

test('whoever traces the start keeps what tracing needs', () => {
  assert.deepEqual(skipped('kprobe_event=p,vfs_read'), ['jent_mod_init']);
  assert.deepEqual(skipped('trace_event=sched:*'), ['jent_mod_init', 'init_kprobe_trace']);
});

test('a module is loaded when somebody asks for it, so keeping it away would save nothing', () => {
  const config = read(new Map([...SYMBOLS, ['CONFIG_CRYPTO_JITTERENTROPY', 'm'] as const]));
  assert.deepEqual(skipped('quiet', healthyImage({ config })), ['trace_eval_init', 'init_kprobe_trace']);
  assert.equal(skipped('quiet', healthyImage({ config: unreadable() })).length, 3);
});

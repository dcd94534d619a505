import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import { planEncryption, requireEncryption } from '../../src/guard/encryption-plan.ts';
import { DEFAULT_GUARD_SETTINGS } from '../../src/guard/guard-settings.ts';
import type { GuardWorld } from '../../src/guard/world.ts';
import type { ProgramFiles } from '../../src/machine/program-files.ts';
import type { Reading } from '../../src/machine/reading.ts';

const file = (name: string, size: number) => ({ name, path: `/usr/${name}`, bytes: new Uint8Array(size) });
const AGE: ProgramFiles = { program: file('age', 4000), loader: undefined, libraries: [] };
const settings = { ...DEFAULT_GUARD_SETTINGS, deadlineSeconds: 100, encryptTo: ['age1a', 'age1b'] };

/** A world in which nothing else may be asked for; `tried` gets the program and the keys that were tried. */
function worldWith(age: Reading<ProgramFiles>, tried: string[] = []): GuardWorld {
  return {
    readProgramFiles: (name: string) => (name === 'age' ? age : assert.fail(name)),
    tryEncryption: async (program: string, keys: readonly string[]) => {
      tried.push(program, ...keys);
    },
  } as Partial<GuardWorld> as GuardWorld;
}

const installed: Reading<ProgramFiles> = { state: 'read', source: 'age', value: AGE };
const absent: Reading<ProgramFiles> = { state: 'absent', source: 'age' };

test('age is brought along with every key, and has to be done long before the deadline', () => {
  const plan = planEncryption(worldWith(installed), settings);
  assert.deepEqual(plan?.order.program?.command, ['/age/age', '-r', 'age1a', '-r', 'age1b']);
  assert.equal(plan?.order.recipients, 2);
  assert.ok(plan.order.untilMs < 50_000);
  assert.equal(plan?.fileBytes, 4000);
  assert.deepEqual(plan?.inputs, ['/usr/age']);
  assert.equal(plan?.obstacle, undefined);
  const dynamic = { ...AGE, loader: file('ld.so', 1), libraries: [file('libc.so.6', 1)] };
  const { order } = planEncryption(worldWith({ ...installed, value: dynamic }), settings)!;
  assert.deepEqual(order.program?.command.slice(0, 4), ['/age/ld.so', '--library-path', '/age', '/age/age']);
});

test('without age nothing is encrypted, and so nothing may be written: the order stays one', () => {
  const plan = planEncryption(worldWith(absent), settings);
  assert.deepEqual([plan?.order.program, plan?.obstacle], [undefined, 'age is not installed']);
  assert.equal(plan?.order.recipients, 2);
});

test('nobody asked: nothing is looked for, and nothing is tried', async () => {
  const world = worldWith({ state: 'unreadable', source: 'x', reason: 'x' });
  assert.equal(planEncryption(world, DEFAULT_GUARD_SETTINGS), undefined);
  const tried: string[] = [];
  await requireEncryption(worldWith(absent, tried), DEFAULT_GUARD_SETTINGS);
  assert.deepEqual(tried, []);
});

test('turning the guard on tries the keys, and is refused without age', async () => {
  const tried: string[] = [];
  await requireEncryption(worldWith(installed, tried), settings);
  assert.deepEqual(tried, ['/usr/age', ...settings.encryptTo]);
  await assert.rejects(
    requireEncryption(worldWith(absent), settings),
    (error: unknown) =>
      error instanceof KhopError && error.code === 'E_NOT_FOUND' && /package age/.test(error.hint ?? ''),
  );
});

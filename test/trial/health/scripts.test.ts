import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { takeBaseline } from '../../../src/trial/health/baseline.ts';
import type { CheckResult } from '../../../src/trial/health/check.ts';
import { runChecks } from '../../../src/trial/health/checks.ts';
import type { HealthWorld } from '../../../src/trial/health/world.ts';
import { healthWorld, SETTINGS, systemd, unit } from '../../support/health-world.ts';
import { buildTree } from '../../support/tree-builder.ts';

/** Runs the scripts, all executable, and gives what came of both folders; `look` sees what they left in the folder. */
async function runScripts(
  scripts: Readonly<Record<string, string>>,
  options: {
    readonly modes?: Readonly<Record<string, number>>;
    readonly seconds?: number;
    readonly world?: Partial<HealthWorld>;
    readonly look?: (root: string) => void;
  } = {},
): Promise<{ readonly required: CheckResult; readonly wanted: CheckResult }> {
  const files = Object.entries(scripts).map(([name, body]) => [name, `#!/bin/sh\n${body}\n`] as const);
  using tree = buildTree(Object.fromEntries(files));
  for (const [name] of files) chmodSync(join(tree.root, name), 0o755);
  for (const [name, mode] of Object.entries(options.modes ?? {})) chmodSync(join(tree.root, name), mode);
  const world = healthWorld(options.world);
  const settings = { ...SETTINGS, scriptFolder: tree.root, scriptSeconds: options.seconds ?? 20 };
  const results = await runChecks(world, await takeBaseline(healthWorld()), settings, 'services');
  options.look?.(tree.root);
  const find = (id: string) => results.find((each) => each.id === id)!;
  return { required: find('services.required-scripts'), wanted: find('services.wanted-scripts') };
}

test('scripts pass in the order of their names, with what they are told and nothing else', async () => {
  const write = (name: string) => `echo ${name} >> "$(dirname "$0")/../order"`;
  const { required, wanted } = await runScripts(
    {
      'required.d/20-second': write('second'),
      'required.d/10-first.sh': `${write('first')}\nenv > "$(dirname "$0")/../env"; pwd >> "$(dirname "$0")/../env"`,
      'required.d/30-not.dpkg-old': 'exit 1',
      'required.d/README': 'exit 1',
    },
    {
      modes: { 'required.d/README': 0o644 },
      look: (root) => {
        assert.equal(readFileSync(join(root, 'order'), 'utf8'), 'first\nsecond\n');
        const lines = readFileSync(join(root, 'env'), 'utf8').trim().split('\n');
        const names = lines
          .flatMap((line) => /^([A-Z]\w*)=/.exec(line)?.[1] ?? [])
          .filter((name) => !['PWD', 'SHLVL'].includes(name));
        assert.deepEqual(names.sort(), [
          'KHOP_FROM_RELEASE',
          'KHOP_TO_RELEASE',
          'KHOP_TRIAL_ID',
          'LC_ALL',
          'PATH',
        ]);
        assert.ok(lines.includes(`KHOP_TO_RELEASE=${SETTINGS.trial.toRelease}`));
        assert.equal(lines.at(-1), '/');
      },
    },
  );
  assert.equal(required.state, 'passed', required.detail);
  assert.match(required.detail, /10-first\.sh.*20-second/);
  assert.match(wanted.detail, /no scripts in .*wanted\.d/);
});

test('exit status 75 and a missed deadline mean not yet, and every other one that it failed', async () => {
  const states = [
    ['exit 75', 'waiting', /says: not yet/],
    ['sleep 60', 'waiting', /did not end within 1 s/],
    ['exit 1', 'failed', /exit status 1/],
    ['exit 2', 'failed', /exit status 2/],
    ['kill -SEGV $$', 'failed', /killed by SIGSEGV/],
  ] as const;
  for (const [body, state, says] of states) {
    const { required } = await runScripts({ 'required.d/it': body, 'required.d/zz': 'true' }, { seconds: 1 });
    assert.deepEqual([required.state, required.isRequired], [state, true], body);
    assert.match(required.detail, says);
  }
});

test('all scripts are run, and the last lines of those that did not pass are told', async () => {
  const { required } = await runScripts({
    'required.d/1': 'exit 75',
    'required.d/2': 'for i in 1 2 3 4 5 6; do echo "line $i"; done; printf "why\\033[31m\\n" >&2; exit 3',
  });
  assert.equal(required.state, 'failed');
  const lines = required.detail.split('\n');
  assert.match(lines[0] ?? '', /required\.d\/1: says: not yet$/);
  assert.deepEqual(lines.slice(2), ['  line 4', '  line 5', '  line 6', '  why [31m']);
});

test('a wanted script fails by itself', async () => {
  const { required, wanted } = await runScripts({ 'required.d/a': 'true', 'wanted.d/a': 'exit 1' });
  assert.equal(required.state, 'passed');
  assert.deepEqual([wanted.state, wanted.isRequired], ['failed', false]);
});

test('a script that others could have changed is not run', async () => {
  for (const modes of [{ 'required.d/a': 0o757 }, { 'required.d/a': 0o775 }, { 'required.d': 0o777 }]) {
    const { required } = await runScripts(
      { 'required.d/a': 'touch "$(dirname "$0")/../ran"' },
      { modes, look: (root) => assert.equal(existsSync(join(root, 'ran')), false) },
    );
    assert.equal(required.state, 'failed');
    assert.match(required.detail, /was not run: .* can be written by others/);
  }
});

test('a program that cannot be started has failed', async () => {
  const { required } = await runScripts(
    {},
    {
      world: {
        listScripts: () => ({
          state: 'read',
          source: 'x',
          value: [{ path: '/khop-no-such/script', refusal: null }],
        }),
      },
    },
  );
  assert.equal(required.state, 'failed');
  assert.match(required.detail, /no such program/);
});

test('scripts are not run before the other required checks have passed', async () => {
  const { required, wanted } = await runScripts(
    { 'required.d/a': 'touch "$(dirname "$0")/../ran"', 'wanted.d/a': 'touch "$(dirname "$0")/../ran"' },
    {
      world: { connect: async () => 'ECONNREFUSED' },
      look: (root) => assert.equal(existsSync(join(root, 'ran')), false),
    },
  );
  for (const { state, detail } of [required, wanted]) {
    assert.equal(state, 'waiting');
    assert.match(detail, /not run before services\.sockets has passed/);
  }
});

test('scripts are run although a wanted check has not passed', async () => {
  const { required } = await runScripts(
    { 'required.d/a': 'true' },
    { world: { units: systemd('running', [unit('old.service', 'failed')]) } },
  );
  assert.equal(required.state, 'passed', required.detail);
});

test('a folder of scripts that cannot be listed has failed', async () => {
  const { required } = await runScripts(
    { 'wanted.d/a': 'true' },
    { world: { listScripts: (source) => ({ state: 'unreadable', source, reason: 'EACCES' }) } },
  );
  assert.equal(required.state, 'failed');
  assert.match(required.detail, /required\.d cannot be read: EACCES/);
});

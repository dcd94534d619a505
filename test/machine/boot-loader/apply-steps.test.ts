import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { KhopError } from '../../../src/error.ts';
import {
  applyBootLoaderSteps,
  bootLoaderObstacles,
  describeBootLoaderStep,
} from '../../../src/machine/boot-loader/apply-steps.ts';
import { type BootLoaderStep, undoSteps } from '../../../src/machine/boot-loader/boot-loader-step.ts';
import type { ProcessResult, runProcess } from '../../../src/machine/run-process.ts';
import { type FailureKind, withFailure } from '../../support/failing-files.ts';
import { type BuiltTree, buildTree } from '../../support/tree-builder.ts';

const OLD = { defaults: 'GRUB_TIMEOUT=5\n', config: 'old configuration\n', environment: 'old environment' };
const NEW = { dropIn: 'GRUB_DEFAULT=saved\n', environment: 'new environment' };

const STEPS: readonly BootLoaderStep[] = [
  { kind: 'file', path: '/boot/grub/grubenv', before: OLD.environment, after: NEW.environment },
  { kind: 'file', path: '/etc/default/grub.d/zz-khop.cfg', before: undefined, after: NEW.dropIn },
  { kind: 'generate', path: '/boot/grub/grub.cfg', command: ['grub-mkconfig', '-o'] },
];

function tree(): BuiltTree {
  return buildTree({
    'boot/grub/grub.cfg': OLD.config,
    'boot/grub/grubenv': OLD.environment,
    'etc/default/grub': OLD.defaults,
    'etc/default/grub.d/': '',
  });
}

/** What grub-mkconfig would make of the settings; written in two pieces, as a shell does. */
function mkconfig(root: string): typeof runProcess {
  return async (file, args) => {
    assert.equal(file, 'grub-mkconfig');
    const output = join(root, args[1] ?? '');
    const dropIn = join(root, 'etc/default/grub.d/zz-khop.cfg');
    writeFileSync(output, 'half of a ');
    writeFileSync(output, configurationFor(existsSync(dropIn) ? readFileSync(dropIn, 'utf8') : ''));
    return { exitCode: 0, signal: null, stdout: '', stderr: '', stdoutBytes: new Uint8Array() };
  };
}

function configurationFor(dropIn: string): string {
  return `configuration of ${JSON.stringify(dropIn)}\n`;
}

function read(root: string, path: string): string | undefined {
  const file = join(root, path);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

test('steps are carried out in order, and undone they leave the files as they were', async () => {
  using built = tree();
  const run = mkconfig(built.root);
  await applyBootLoaderSteps(built.root, STEPS, { run });
  assert.equal(read(built.root, '/boot/grub/grub.cfg'), configurationFor(NEW.dropIn));
  assert.equal(read(built.root, '/boot/grub/grubenv'), NEW.environment);
  await applyBootLoaderSteps(built.root, undoSteps(STEPS), { run });
  assert.equal(read(built.root, '/boot/grub/grub.cfg'), configurationFor(''));
  assert.equal(read(built.root, '/boot/grub/grubenv'), OLD.environment);
  assert.deepEqual(readdirSync(join(built.root, 'etc/default/grub.d')), []);
});

/** Every file is as it was or as it is to be, and what the next boot reads goes together. */
function assertWhole(root: string, when: string): void {
  const config = read(root, '/boot/grub/grub.cfg');
  assert.ok([OLD.config, configurationFor(NEW.dropIn)].includes(config ?? ''), `${when}: ${config}`);
  const environment = read(root, '/boot/grub/grubenv');
  assert.ok([OLD.environment, NEW.environment].includes(environment ?? ''), `${when}: ${environment}`);
  const dropIn = read(root, '/etc/default/grub.d/zz-khop.cfg');
  assert.ok([undefined, NEW.dropIn].includes(dropIn), `${when}: ${dropIn}`);
  if (config !== OLD.config) assert.equal(environment, NEW.environment, when);
}

for (const kind of ['power-cut', 'error'] satisfies FailureKind[])
  test(`${kind === 'error' ? 'an error' : 'a power cut'} at any operation leaves each file as it was or as it is to be`, async () => {
    for (let count = 0, hasFailed = true; hasFailed; count += 1) {
      using built = tree();
      const apply = () => applyBootLoaderSteps(built.root, STEPS, { run: mkconfig(built.root) });
      hasFailed = await withFailure(kind, count, apply);
      assertWhole(built.root, `${kind} at operation ${count}`);
      assert.ok(count < 100);
      if (!hasFailed) assert.ok(count > 15, `only ${count} operations were tried`);
      // Whatever is left lies in the way of nobody: the same change can be made afterwards.
      const steps = STEPS.map((step) =>
        step.kind === 'file' ? { ...step, before: read(built.root, step.path) } : step,
      );
      await applyBootLoaderSteps(built.root, steps, { run: mkconfig(built.root) });
      assert.equal(read(built.root, '/boot/grub/grub.cfg'), configurationFor(NEW.dropIn));
    }
  });

test('when the tool fails, the settings are taken back', async () => {
  using built = tree();
  const failing: typeof runProcess = async (_file, args) => {
    writeFileSync(join(built.root, args[1] ?? ''), 'half');
    throw new KhopError('E_CHILD', 'grub-mkconfig: exit status 1', { hint: 'See above.' });
  };
  await assert.rejects(applyBootLoaderSteps(built.root, STEPS, { run: failing }), { code: 'E_CHILD' });
  assert.deepEqual(readdirSync(join(built.root, 'boot/grub')), ['grub.cfg', 'grubenv']);
  assert.equal(read(built.root, '/boot/grub/grub.cfg'), OLD.config);
  assert.equal(read(built.root, '/boot/grub/grubenv'), OLD.environment);
  assert.deepEqual(readdirSync(join(built.root, 'etc/default/grub.d')), []);
});

test('an empty configuration is not put in place', async () => {
  using built = tree();
  const empty: typeof runProcess = async (_file, args): Promise<ProcessResult> => {
    writeFileSync(join(built.root, args[1] ?? ''), '');
    return { exitCode: 0, signal: null, stdout: '', stderr: '', stdoutBytes: new Uint8Array() };
  };
  await assert.rejects(applyBootLoaderSteps(built.root, STEPS, { run: empty }), { code: 'E_CHILD' });
  assert.equal(read(built.root, '/boot/grub/grub.cfg'), OLD.config);
});

test('a file that somebody else has changed meanwhile is left alone', async () => {
  using built = tree();
  writeFileSync(join(built.root, 'boot/grub/grubenv'), 'theirs');
  await assert.rejects(applyBootLoaderSteps(built.root, STEPS, { run: mkconfig(built.root) }), {
    code: 'E_BUSY',
    message: /grubenv has changed/,
  });
  assert.equal(read(built.root, '/boot/grub/grubenv'), 'theirs');
});

test('permissions stay, a new file can be read by all, and a link stays a link', async () => {
  using built = buildTree({ 'boot/efi/grubenv': 'old', 'boot/grubenv': { link: 'efi/grubenv' } });
  chmodSync(join(built.root, 'boot/efi/grubenv'), 0o640);
  await applyBootLoaderSteps(built.root, [
    { kind: 'file', path: '/boot/grubenv', before: 'old', after: 'new' },
    { kind: 'file', path: '/etc/new.cfg', before: undefined, after: 'x' },
  ]);
  assert.ok(lstatSync(join(built.root, 'boot/grubenv')).isSymbolicLink());
  assert.equal(read(built.root, '/boot/efi/grubenv'), 'new');
  assert.equal(statSync(join(built.root, 'boot/efi/grubenv')).mode & 0o777, 0o640);
  assert.equal(statSync(join(built.root, 'etc/new.cfg')).mode & 0o777, 0o644);
});

test('what could not be written is said with its reason', async () => {
  using built = buildTree({ 'boot/grubenv/': '' });
  await assert.rejects(
    applyBootLoaderSteps(built.root, [{ kind: 'file', path: '/boot/grubenv', before: '', after: 'x' }]),
    { code: 'E_UNREADABLE', message: /boot.grubenv cannot be changed: EISDIR/ },
  );
});

test('what cannot be replaced is known before anything is changed', () => {
  // Nobody can make a file in /proc, root included; on a read-only file system the reason is EROFS.
  const inProc = { kind: 'file', path: '/proc/grubenv', before: undefined, after: 'x' } as const;
  const [problem, ...others] = bootLoaderObstacles('/', [inProc, ...STEPS.slice(1, 2)]);
  assert.deepEqual(others, []);
  if (problem !== undefined) assert.match(problem, /^\/proc\/grubenv cannot be changed: E/);
  using built = tree();
  assert.deepEqual(bootLoaderObstacles(built.root, STEPS), []);
  using circle = buildTree({ 'boot/grubenv': { link: 'grubenv' } });
  assert.match(
    bootLoaderObstacles(circle.root, [{ ...inProc, path: '/boot/grubenv' }])[0] ?? '',
    /cannot be changed: ELOOP/,
  );
});

test('each step is said as a person would do it', () => {
  const lines = [...STEPS, ...undoSteps([{ kind: 'run', command: ['a', 'b c'], undo: ['a', '-u'] }])];
  assert.deepEqual(lines.map(describeBootLoaderStep), [
    'change /boot/grub/grubenv: -"old environment" +"new environment"',
    'write /etc/default/grub.d/zz-khop.cfg',
    'grub-mkconfig -o /boot/grub/grub.cfg',
    'a -u',
  ]);
  const padded = {
    kind: 'file',
    path: '/e',
    before: `a\n${'#'.repeat(99)}`,
    after: `a\nb\n${'#'.repeat(97)}`,
  } as const;
  assert.equal(describeBootLoaderStep(padded), 'change /e: -"" +"b" +""');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KernelOptions } from '../../src/cli/kernel-options.ts';
import { buildProgram } from '../../src/cli/program.ts';
import { sayingContext } from '../support/cli-context.ts';

/** What would reach the action of `khop NAME`, which does nothing here. */
async function optionsOf(name: string, ...args: readonly string[]): Promise<KernelOptions> {
  const program = buildProgram(sayingContext().context);
  const command = program.commands.find((one) => one.name() === name) ?? assert.fail(name);
  let given: KernelOptions | undefined;
  command.action(() => {
    given = command.opts();
  });
  await program.parseAsync([name, ...args], { from: 'user' });
  return given ?? assert.fail('the action was not reached');
}

for (const name of ['check', 'plan', 'load', 'switch'])
  test(`khop ${name} refuses what only changes --fast where that is missing`, async () => {
    for (const [option, value] of [
      ['--profile', 'lean'],
      ['--profile', 'warm'],
      ['--without', 'trim'],
    ] as const) {
      await assert.rejects(optionsOf(name, '6.12', option, value), {
        code: 'E_USAGE',
        message: `${option} has no effect without --fast`,
      });
      const { profile, without } = await optionsOf(name, '6.12', '--fast', option, value);
      assert.deepEqual(profile ?? without, option === '--profile' ? value : [value]);
    }
    assert.deepEqual(await optionsOf(name, '6.12', '--accept', 'root-device'), { accept: ['root-device'] });
  });

test('beside --loaded there is no place for --fast, which is not asked for then', async () => {
  assert.equal((await optionsOf('switch', '--loaded', '--profile', 'lean')).profile, 'lean');
});

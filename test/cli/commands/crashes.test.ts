import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CliContext } from '../../../src/cli/context.ts';
import { buildProgram } from '../../../src/cli/program.ts';
import { KhopError } from '../../../src/error.ts';
import { NULL_DEREFERENCE_6_1, writeLog } from '../../support/oops-log-builder.ts';
import { CHAIN, CRASH_ID, VMCOREINFO } from '../../support/raw-crashes.ts';
import { type BuiltTree, buildTree, prefix } from '../../support/tree-builder.ts';

async function run(
  tree: BuiltTree,
  ...args: readonly string[]
): Promise<{ printed: string; remarked: string }> {
  const printed: string[] = [];
  const remarked: string[] = [];
  const context: CliContext = {
    print: (text) => printed.push(text),
    remark: (text) => remarked.push(text),
    style: (_style, text) => text,
    canAsk: false,
    ask: () => assert.fail('nobody is to be asked'),
    signal: new AbortController().signal,
    exitWith: () => assert.fail('no exit status of its own'),
  };
  const [first, ...rest] = args;
  await buildProgram(context).parseAsync(['crashes', first!, '--state-dir', tree.root, ...rest], {
    from: 'user',
  });
  return { printed: printed.join('\n'), remarked: remarked.join('\n') };
}

function crashedTwice(): BuiltTree {
  const crash = {
    'dmesg.txt': writeLog(NULL_DEREFERENCE_6_1),
    'chain.txt': CHAIN,
    'vmcoreinfo.txt': VMCOREINFO,
  };
  return buildTree({
    ...prefix(`crashes/${CRASH_ID}`, crash),
    ...prefix('crashes/2026-11-30T003000Z-6.1.0-50-amd64', crash),
  });
}

test('a machine without crashes is told so, and what would leave one', async () => {
  using tree = buildTree({});
  const { printed } = await run(tree, 'list');
  assert.match(printed, /^No crashes in .*\/crashes\.\nA capture kernel/);
});

test('the list says when the same crash came again', async () => {
  using tree = crashedTwice();
  const { printed } = await run(tree, 'list');
  const rows = printed.split('\n');
  assert.match(rows[1]!, /^2026-11-29T003000Z-6\.1\.0-50-amd64 .*NULL pointer dereference.*CPU 1$/);
  assert.match(rows[2]!, /the same for the 2nd time/);
  assert.match(printed, /Next: khop crashes show last$/);
});

test('one report is shown as text, and the same facts as JSON', async () => {
  using tree = crashedTwice();
  const { printed } = await run(tree, 'show', '2026-11-29');
  for (const line of [
    /^Crash 2026-11-29T003000Z/,
    /^at +crasher_write\.cold\+0x1d\/0x40 \[crasher\]$/m,
    /^ {4}proc_reg_write\+0x56\/0x90$/m,
    /^ {2}1\.2 s +\+460 ms +report safe on disk$/m,
    /^ {2}14\.1 s +\+4\.8 s +user space of the known-good kernel$/m,
  ])
    assert.match(printed, line);
  const json = JSON.parse((await run(tree, 'show', '2026-11-29', '--json')).printed);
  assert.equal(json.event.instruction.symbol, 'crasher_write.cold');
  const listed = JSON.parse((await run(tree, 'list', '--json')).printed);
  assert.deepEqual(listed.reports[0], json);
});

test('a page goes to a file or to standard output', async () => {
  using tree = crashedTwice();
  const file = join(tree.root, 'crash.html');
  assert.match((await run(tree, 'export', 'last', '--html', file)).printed, /^Wrote .*crash\.html\./);
  const page = readFileSync(file, 'utf8');
  assert.equal((await run(tree, 'export', 'last', '--html', '-')).printed, page);
  const { bytes } = JSON.parse((await run(tree, 'export', 'last', '--html', file, '--json')).printed);
  assert.equal(bytes, Buffer.byteLength(page));
});

test('a crash that is not there is an error that names those commands that help', async () => {
  using tree = crashedTwice();
  await assert.rejects(
    run(tree, 'show', 'tomorrow'),
    (error: unknown) =>
      error instanceof KhopError && error.code === 'E_NOT_FOUND' && /khop crashes/.test(error.hint),
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import { withEvidence } from '../../src/lab/evidence.ts';

const REGISTERS = [
  'CPU#0',
  'RAX=0000000000000000 RBX=0000000000000000 RCX=0000000000000000 RDX=0000000000000000',
  'RIP=ffffffff81e0a1b3 RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1',
  'CR0=80050033 CR2=0 CR3=2a10000 CR4=6f0',
].join('\r\n');

function witness(output: string, registers: () => Promise<string>) {
  return {
    console: { tail: ['first', 'last'], path: '/tmp/lab/console.log' },
    qmp: { executeHuman: registers },
    readOutput: async () => output,
  };
}

async function messageOf(cause: unknown, ...of: Parameters<typeof witness>): Promise<string> {
  const error = await withEvidence(cause, witness(...of));
  assert.ok(error instanceof KhopError);
  assert.equal(error.cause, cause);
  return error.message;
}

test('a guest that does not answer is shown by its console, its output and its processors', async () => {
  const late = new KhopError('E_TIMEOUT', 'no answer', { hint: 'it hangs' });
  const message = await messageOf(late, 'khop: loading\n\nkhop: waiting\n', async () => REGISTERS);
  assert.equal(
    message,
    [
      'no answer',
      'The last lines of its console (/tmp/lab/console.log):',
      '  | first',
      '  | last',
      'The last lines of what it was started with:',
      '  | khop: loading',
      '  | khop: waiting',
      'Its processors:',
      '  | CPU#0',
      '  | RIP=ffffffff81e0a1b3 RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1',
      '  | CR0=80050033 CR2=0 CR3=2a10000 CR4=6f0',
    ].join('\n'),
  );
});

test('a monitor that does not answer takes nothing from the rest', async () => {
  const late = new KhopError('E_TIMEOUT', 'no answer', { hint: 'it hangs' });
  const message = await messageOf(late, '', () => Promise.reject(new Error('QEMU has ended')));
  assert.match(message, /Its processors:\n {2}\| not to be had: QEMU has ended$/);
  assert.doesNotMatch(message, /started with/);
});

test('processors are asked for only where a guest does not answer', async () => {
  const failed = new KhopError('E_LAB', 'exit status 1', { hint: 'see above' });
  const message = await messageOf(failed, '', () => Promise.reject(new Error('asked')));
  assert.doesNotMatch(message, /processors/);
});

test('an error of another kind is left as it is', async () => {
  const bug = new TypeError('x is not a function');
  const seen = await withEvidence(
    bug,
    witness('', async () => ''),
  );
  assert.equal(seen, bug);
});

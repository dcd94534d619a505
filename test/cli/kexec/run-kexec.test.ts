import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CliContext } from '../../../src/cli/context.ts';
import { runKexec } from '../../../src/cli/kexec/run-kexec.ts';
import { KhopError } from '../../../src/error.ts';
import type { MachineFacts } from '../../../src/machine/facts.ts';
import { healthyMachine, read } from '../../support/machine-facts.ts';
import { buildBoot } from '../../support/prepared-boot.ts';
import { quietWorld } from '../../support/switch-world.ts';

const NO_ANSWER = { state: 'absent', source: '/sys/kernel/kexec_loaded' } as const;

/** How `kexec WORDS` ends, with each call that it made. `KERNEL` is an image; `isLoaded`: another one is there. */
async function run(
  words: string,
  {
    isLoaded = false,
    isBusy = false,
    isKnown = true,
    ...over
  }: Partial<MachineFacts> & {
    readonly isLoaded?: boolean;
    readonly isBusy?: boolean;
    readonly isKnown?: boolean;
  } = {},
) {
  using boot = buildBoot({ 'state/': '', 'run/': '' });
  const calls: string[] = [];
  const remarks: string[] = [];
  const printed: string[] = [];
  const slot = { isLoaded };
  const context: CliContext = {
    print: (text) => printed.push(text),
    remark: (text) => remarks.push(text),
    style: (_style, text) => text,
    canAsk: false,
    ask: () => assert.fail('somebody was asked'),
    signal: new AbortController().signal,
    exitWith: () => assert.fail('the exit status is the answer'),
  };
  const { kexec } = healthyMachine();
  const load = (call: string) => async () => {
    calls.push(call);
    slot.isLoaded = true;
  };
  const quiet = quietWorld(boot.root, remarks);
  const world = {
    ...quiet,
    readMachine: () =>
      healthyMachine({
        ...over,
        kexec: { ...kexec, ...over.kexec, loaded: isKnown ? read(slot.isLoaded) : NO_ANSWER },
      }),
    kexec: {
      fileLoad: load('load'),
      segmentsLoad: load('load'),
      unload: (which: string) => calls.push(`unload ${which}`),
    },
    shutdown: {
      ...quiet.shutdown,
      sayLeaving: () => void calls.push('say leaving'),
      immediately: () => calls.push('jump'),
      throughServiceManager: async () => void calls.push('kexec.target'),
      byOurselves: async () => void calls.push('by ourselves'),
    },
    exclusively: async <T>(work: () => Promise<T>): Promise<T> => {
      if (isBusy) throw new KhopError('E_BUSY', 'another khop is at work', { hint: 'Wait for it.' });
      calls.push('lock');
      return work();
    },
  };
  const argv = words.split(' ').map((word) => word.replace('KERNEL', boot.image));
  const status = await runKexec(context, argv, async () => world);
  return { status, calls, remarks: remarks.join('\n'), printed: printed.join('\n') };
}

const NO_FILE_LOAD = { ...healthyMachine().kexec, kexecFileLoad: read({ state: 'missing' } as const) };

test('what kexec-tools end with: 255 without a kernel, 1 where die() ends them', async () => {
  for (const words of ['-l', '-p', '-f', '-e -f', '-s', '--append=ro']) {
    const { status, calls, remarks } = await run(words, { isLoaded: true });
    assert.deepEqual([words, status, calls], [words, 255, []]);
    assert.equal(remarks, 'No kernel specified');
  }
  const nothing = await run('-e');
  assert.deepEqual([nothing.status, nothing.calls], [1, []]);
  const unknown = await run('-e', { isKnown: false });
  assert.deepEqual([unknown.status, unknown.calls], [1, []], 'a kernel that does not say');
  assert.match(unknown.remarks, /kexec_loaded cannot be read/);
  assert.match(nothing.remarks, /Nothing has been loaded!/);
  const unreserved = await run('-p KERNEL');
  assert.deepEqual([unreserved.status, unreserved.calls], [1, ['lock']]);
  assert.match(unreserved.remarks, /Memory for crashkernel is not reserved/);
  assert.equal((await run('--no-such')).status, 1);
});

test('a load that fails is no reason to jump to what was loaded before', async () => {
  const { status, calls, remarks } = await run('-f -s KERNEL', { isLoaded: true, kexec: NO_FILE_LOAD });
  assert.deepEqual([status, calls], [253, ['lock']]);
  assert.match(remarks, /kexec_file_load not available/);
  assert.deepEqual((await run('-f KERNEL')).calls, ['lock', 'load', 'say leaving', 'jump']);
});

test('loading and unloading waits for no other khop, and does nothing beside one', async () => {
  for (const words of ['-l KERNEL', '-u', '-f KERNEL', 'KERNEL']) {
    const { status, calls, remarks } = await run(words, { isBusy: true });
    assert.deepEqual([words, status, calls], [words, 255, []]);
    assert.match(remarks, /another khop is at work/);
  }
  assert.deepEqual((await run('-u')).calls, ['lock', 'unload normal']);
});

test('without an action the system goes down in order, whoever runs it', async () => {
  assert.deepEqual((await run('KERNEL')).calls, ['lock', 'load', 'say leaving', 'kexec.target']);
  const plain = await run('KERNEL', { serviceManager: read('init') });
  assert.deepEqual([plain.status, plain.calls], [0, ['lock', 'load', 'say leaving', 'by ourselves']]);
});

test('with --json the exit status stays, and is said with what kexec has to say', async () => {
  const nothing = await run('-e --json');
  assert.equal(nothing.status, 1);
  assert.deepEqual(JSON.parse(nothing.printed), {
    exitStatus: 1,
    output: [],
    messages: ['Nothing has been loaded!'],
  });
  assert.equal(nothing.remarks, '');
  const size = await run('--print-ckr-size --json');
  assert.deepEqual(JSON.parse(size.printed), { exitStatus: 0, output: ['0'], messages: [] });
  assert.equal((await run('-S --js')).status, 1, 'no abbreviation of what kexec-tools have not');
  const unknown = await run('--json --no-such');
  assert.deepEqual([unknown.status, JSON.parse(unknown.printed).exitStatus], [1, 1]);
});

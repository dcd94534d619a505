import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { after, test } from 'node:test';
import { processContext } from '../../src/cli/context.ts';
import { buildProgram } from '../../src/cli/program.ts';
import {
  endMachine,
  findMachine,
  listMachines,
  openAgent,
  readConsole,
  startMachine,
} from '../../src/lab/running-machines.ts';

const LIMIT = { timeout: 300_000 };
const NAMES = [`test-${process.pid}-a`, `test-${process.pid}-b`] as const;

after(async () => {
  for (const name of NAMES) await endMachine(name).catch(() => {});
});

async function execIn(name: string, script: string): Promise<string> {
  const { agent } = await openAgent(name);
  using _agent = agent;
  return (await agent.exec(script, 20_000)).stdout;
}

test('named machines run side by side, are reached again and again, and end by name', LIMIT, async () => {
  const [a, b] = NAMES;
  const request = { kind: 'small', options: { withoutKhop: true } } as const;
  const first = await startMachine(a, request);
  await startMachine(b, request);
  await assert.rejects(startMachine(a, request), { code: 'E_BUSY' });
  await execIn(a, 'echo a >/tmp/mark');
  await execIn(b, 'echo b >/tmp/mark');
  assert.equal(await execIn(a, 'cat /tmp/mark'), 'a\n');
  const names = (await listMachines()).map(({ name }) => name);
  assert.ok(names.includes(a) && names.includes(b));
  await execIn(a, 'echo evidence >/dev/console');
  assert.match(await readConsole(a), /evidence/);

  await endMachine(a);
  await assert.rejects(findMachine(a), { code: 'E_NOT_FOUND' });
  await assert.rejects(stat(first.folder), { code: 'ENOENT' });
  assert.equal(await execIn(b, 'cat /tmp/mark'), 'b\n');
});

test('khop lab says as JSON what its commands have done', LIMIT, async () => {
  const [name] = NAMES;
  await startMachine(name, { kind: 'small', options: { withoutKhop: true } });
  const run = async (...words: string[]) => {
    const printed: string[] = [];
    const context = {
      ...processContext(),
      print: (text: string) => void printed.push(text),
      exitWith: () => {},
    };
    await buildProgram(context).parseAsync(['lab', ...words], { from: 'user' });
    return JSON.parse(printed.join(''));
  };
  const { status, stdout, stderr } = await run(
    'exec',
    '--json',
    name,
    'echo evidence >/dev/console; echo out; echo err >&2; exit 3',
  );
  assert.deepEqual([status, stdout, stderr], [3, 'out\n', 'err\n']);
  assert.equal((await run('exec', '--json', '--detach', name, 'true')).started, true);
  assert.equal((await run('cp', '--json', import.meta.filename, `${name}:/tmp/copy`)).bytes > 0, true);
  const { socket, log } = await run('console', '--json', name);
  assert.ok((await stat(socket)).isSocket());
  assert.match(log, /evidence/);
  assert.deepEqual(await run('down', '--json', name), { ended: [name] });
});

test('a machine whose QEMU was killed is forgotten, and its name can be used again', LIMIT, async () => {
  const [name] = NAMES;
  const request = { kind: 'small', options: { withoutKhop: true } } as const;
  const { process: qemu, folder } = await startMachine(name, request);
  process.kill(qemu.pid, 'SIGKILL');
  const deadline = performance.now() + 5000;
  while ((await listMachines()).some((machine) => machine.name === name))
    assert.ok(performance.now() < deadline);
  await assert.rejects(stat(folder), { code: 'ENOENT' });
  await startMachine(name, request);
  await endMachine(name);
});

test('two clients of one machine take turns', LIMIT, async () => {
  const [name] = NAMES;
  await startMachine(name, { kind: 'small', options: { withoutKhop: true } });
  const answers = await Promise.all([1, 2, 3].map((n) => execIn(name, `sleep 0.2; echo ${n}`)));
  assert.deepEqual(answers, ['1\n', '2\n', '3\n']);
  await endMachine(name);
});

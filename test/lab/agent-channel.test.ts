import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AgentChannel, quoteWord } from '../../src/lab/agent-channel.ts';
import { runProcess } from '../../src/machine/run-process.ts';

/** A channel, and a guest that answers each request line by what `answer` returns for it. */
async function withGuest(
  answer: (line: string) => string | undefined,
  use: (channel: AgentChannel, guest: Socket) => Promise<void>,
  patience = 1,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'khop-agent-'));
  const server = createServer();
  server.listen(join(folder, 'agent'));
  const connection = once(server, 'connection');
  try {
    using channel = await AgentChannel.connect(join(folder, 'agent'), 1000, patience);
    const [guest] = (await connection) as [Socket];
    guest.on('data', (bytes) => {
      for (const line of bytes
        .toString()
        .split('\n')
        .filter((text) => text.startsWith('@khop'))) {
        const reply = answer(line);
        if (reply !== undefined) guest.write(reply);
      }
    });
    await use(channel, guest);
  } finally {
    server.close();
    await rm(folder, { recursive: true });
  }
}

const idOf = (line: string): string => line.split(' ')[2] ?? '';

test('requests wait for each other, so that an agent has one at a time', async () => {
  const seen: string[] = [];
  await withGuest(
    (line) => {
      seen.push(line.split(' ')[1] ?? '');
      return line.includes('HELLO')
        ? `@khop HELLO ${idOf(line)} b 1 6.1\n`
        : `@khop EXIT ${idOf(line)} 3 0 1 0\nx`;
    },
    async (channel) => {
      const [hello, result] = await Promise.all([channel.hello(1000), channel.exec('true', 1000)]);
      assert.deepEqual(hello, { bootId: 'b', release: '6.1', uptimeSeconds: 1 });
      assert.equal(result.status, 3);
      assert.equal(result.stdout, 'x');
      assert.deepEqual(seen, ['HELLO', 'EXEC']);
    },
  );
});

test('a patient channel waits as many times longer for the answer', async () => {
  let asked = '';
  await withGuest(
    (line) => {
      asked = line;
      return undefined;
    },
    async (channel, guest) => {
      const hello = channel.hello(100);
      setTimeout(() => guest.write(`@khop HELLO ${idOf(asked)} b 1 6.1\n`), 500);
      assert.equal((await hello).bootId, 'b');
      await assert.rejects(channel.hello(10), /within 1 s/);
    },
    100,
  );
});

test('a guest that does not answer is an error at the deadline, and the next request is sent', async () => {
  let isSilent = true;
  await withGuest(
    (line) => (isSilent ? undefined : `@khop HELLO ${idOf(line)} b 1 6.1\n`),
    async (channel) => {
      await assert.rejects(channel.hello(50), { code: 'E_TIMEOUT' });
      isSilent = false;
      assert.equal((await channel.hello(1000)).bootId, 'b');
    },
  );
});

test('another kernel that says hello ends the request that was open', async () => {
  await withGuest(
    (line) =>
      line.includes('HELLO') ? `@khop HELLO ${idOf(line)} one 1 6.1\n` : '@khop HELLO 0 two 1 6.12\n',
    async (channel) => {
      await channel.hello(1000);
      await assert.rejects(channel.exec('kexec -e', 1000), { code: 'E_LAB', message: /6\.12/ });
      assert.equal((await channel.waitForNewKernel('one', 1000)).bootId, 'two');
    },
  );
});

test('waiting for another kernel ends at its deadline, or with the connection', async () => {
  await withGuest(
    () => undefined,
    async (channel, guest) => {
      await assert.rejects(channel.waitForNewKernel('one', 50), { code: 'E_TIMEOUT' });
      const waiting = assert.rejects(channel.waitForNewKernel('one', 5000), { code: 'E_LAB' });
      guest.destroy();
      await waiting;
    },
  );
});

test('the words of the guest are the message of a failed request', async () => {
  await withGuest(
    (line) => `@khop ERROR ${idOf(line)} cat: can't open '/x'\n`,
    async (channel) => {
      await assert.rejects(channel.get('/x', 1000), { code: 'E_LAB', message: /can't open '\/x'/ });
      await assert.rejects(channel.get('x', 1000), { code: 'E_USAGE' });
      await assert.rejects(channel.put('/a\nb', new Uint8Array(), 0o644, 1000), { code: 'E_USAGE' });
    },
  );
});

test('a quoted word is one word for the shell, whatever is in it', async () => {
  for (const word of ['plain-1.2', '', 'a b', "it's", '$HOME `id` "x"', 'new\nline', '*'])
    assert.equal(
      (await runProcess('sh', ['-c', `printf %s ${quoteWord(word)}`], { timeoutMs: 5000 })).stdout,
      word,
    );
});

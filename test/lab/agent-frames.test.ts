import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type AgentFrame, AgentFrameDecoder } from '../../src/lab/agent-frames.ts';

const HELLO = '@khop HELLO 3 0f-1 12.50 6.1.0-56-amd64\n';

function decodeInPieces(bytes: Buffer, cuts: readonly number[]): AgentFrame[] {
  const decoder = new AgentFrameDecoder();
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.flatMap((end, index) => decoder.push(bytes.subarray(ends[index - 1] ?? 0, end)));
}

test('each frame is decoded with what it carries', () => {
  const text = `${HELLO}@khop EXIT 4 143 1 3 2\nouter@khop FILE 5 644 4\na\n\0b@khop DONE 6\n@khop ERROR 7 cat: no such file \n`;
  assert.deepEqual(decodeInPieces(Buffer.from(text), []), [
    { verb: 'HELLO', id: 3, bootId: '0f-1', uptimeSeconds: 12.5, release: '6.1.0-56-amd64' },
    { verb: 'EXIT', id: 4, status: 143, isLate: true, stdout: Buffer.from('out'), stderr: Buffer.from('er') },
    { verb: 'FILE', id: 5, mode: 0o644, bytes: Buffer.from('a\n\0b') },
    { verb: 'DONE', id: 6 },
    { verb: 'ERROR', id: 7, message: 'cat: no such file' },
  ]);
});

test('how the bytes are cut does not matter, and payloads may look like frames', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.uint8Array({ maxLength: 300 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      (out, err, cuts) => {
        const head = Buffer.from(`noise\n@khop EXIT 1 0 0 ${out.length} ${err.length}\n`);
        const frames = decodeInPieces(Buffer.concat([head, out, err, Buffer.from(HELLO)]), cuts);
        const [exit, hello] = frames;
        assert.equal(frames.length, 2);
        assert.ok(exit?.verb === 'EXIT' && hello?.verb === 'HELLO');
        assert.ok(exit.stdout.equals(out) && exit.stderr.equals(err));
      },
    ),
  );
  const hidden = Buffer.from(HELLO);
  const framed = Buffer.concat([Buffer.from(`@khop FILE 2 600 ${hidden.length}\n`), hidden]);
  assert.deepEqual(
    decodeInPieces(framed, [9]).map(({ verb }) => verb),
    ['FILE'],
  );
});

test('damaged lines never throw, and a later hello is still heard', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 80 }), (line) => {
      fc.pre(!line.includes('\n'));
      for (const text of [line, `@khop EXIT ${line}`, `@khop FILE 1 ${line}`]) {
        const decoder = new AgentFrameDecoder();
        decoder.push(Buffer.from(`${text}\n`));
        decoder.reset();
        assert.equal(decoder.push(Buffer.from(HELLO)).at(-1)?.verb, 'HELLO');
      }
    }),
  );
});

test('after a reset the half of a frame that was lost is not waited for', () => {
  const decoder = new AgentFrameDecoder();
  assert.deepEqual(decoder.push(Buffer.from('@khop FILE 1 600 1000000\nabc')), []);
  decoder.reset();
  assert.equal(decoder.push(Buffer.from(HELLO)).length, 1);
});

test('noise without a line end does not pile up', () => {
  const decoder = new AgentFrameDecoder();
  for (let round = 0; round < 100; round += 1) decoder.push(Buffer.alloc(10_000, 0x41));
  assert.equal(decoder.push(Buffer.from(`\n${HELLO}`)).length, 1);
});

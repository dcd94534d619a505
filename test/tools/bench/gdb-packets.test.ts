import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeWord, encodePacket, encodeWord, PacketDecoder } from '../../../tools/bench/gdb-packets.ts';

test('a packet carries the sum of its bytes as two hex digits', () => {
  assert.equal(encodePacket('g'), '$g#67');
  assert.equal(encodePacket('OK'), '$OK#9a');
  assert.equal(encodePacket(''), '$#00');
});

test('packets come out whole however the stream is cut, and acknowledgements between them do not', () => {
  const data = fc.array(fc.stringMatching(/^[0-9a-zA-Z:;,=]{0,40}$/), { maxLength: 5 });
  fc.assert(
    fc.property(data, fc.integer({ min: 1, max: 9 }), (packets, step) => {
      const stream = packets.map((packet) => `+${encodePacket(packet)}`).join('');
      const decoder = new PacketDecoder();
      const found: string[] = [];
      for (let at = 0; at < stream.length; at += step)
        found.push(...decoder.push(stream.slice(at, at + step)));
      assert.deepEqual(found, packets);
    }),
  );
});

test('a wrong checksum is an error', () => {
  assert.throws(() => new PacketDecoder().push('$OK#9b'), { code: 'E_FORMAT', message: /checksum 9b/ });
});

test('words are written lowest byte first, and read back', () => {
  assert.equal(encodeWord(0xffffffff81000000n), '00000081ffffffff');
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
      assert.equal(decodeWord(encodeWord(value)), value);
    }),
  );
});

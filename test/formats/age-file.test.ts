import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ageFileSize, ageTextSize, mostClearBytes } from '../../src/formats/age-file.ts';

test('sizes are those of files that age 1.1.1 wrote for one key and for two', () => {
  const written = [
    [0, 1, 200],
    [1, 1, 201],
    [65_536, 1, 65_736],
    [65_537, 1, 65_753],
    [1_698_890, 1, 1_699_490],
    [4, 2, 302],
  ] as const;
  for (const [clear, recipients, size] of written) assert.equal(ageFileSize(clear, recipients), size);
  const texts = [
    [0, 341],
    [65_537, 89_110],
    [1_698_890, 2_301_463],
  ] as const;
  for (const [clear, size] of texts) {
    const most = ageTextSize(clear, 1);
    assert.ok(most >= size && most - size < 65, `${most} for ${size}`);
  }
});

test('what is said to fit into a text does, and there is little room left', () => {
  fc.assert(
    fc.property(fc.integer({ min: 4096, max: 4_000_000 }), fc.integer({ min: 1, max: 20 }), (room, keys) => {
      const most = mostClearBytes(room, keys);
      const size = ageTextSize(most, keys);
      assert.ok(size <= room && size > room - 256, `${most} bytes take ${size} of ${room}`);
    }),
  );
  assert.equal(mostClearBytes(100, 1), 0);
});

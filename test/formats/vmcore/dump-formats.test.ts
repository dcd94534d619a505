import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readCrashLog } from '../../../src/formats/vmcore/crash-log.ts';
import type { CrashedMemory } from '../../../src/formats/vmcore/crashed-memory.ts';
import { openFlattened } from '../../../src/formats/vmcore/flattened-stream.ts';
import { openKernelMemory } from '../../../src/formats/vmcore/kernel-memory.ts';
import { openDump } from '../../../src/formats/vmcore/open-dump.ts';
import { buildCrashedMachine, RELEASE } from '../../support/crashed-machine.ts';
import {
  encodeElfDump,
  encodeFlattened,
  encodeKdump,
  type FlatPiece,
  sourceOf,
} from '../../support/dump-writers.ts';
import { outcomeOf } from '../../support/hostile-bytes.ts';
import { inputs } from '../../support/inputs.ts';

const RECORDS = Array.from({ length: 20 }, (_none, index) => ({
  text: `record ${index} ${'.'.repeat(index * 3)}`,
  nanoseconds: BigInt(index) * 1_234_567n,
  level: index % 8,
  facility: 0,
  callerId: index,
}));
const MACHINE = buildCrashedMachine(RECORDS);

function assertHoldsAll(dump: CrashedMemory): void {
  const read = dump.readPhysical(MACHINE.base, MACHINE.bytes.length);
  assert.equal(read.state, 'read');
  assert.ok(read.state === 'read' && Buffer.from(MACHINE.bytes).equals(read.bytes));
  const memory = openKernelMemory(dump);
  assert.equal(memory.vmcoreinfo.get('OSRELEASE'), RELEASE);
  assert.deepEqual(
    readCrashLog(memory).records.map(({ text }) => text),
    RECORDS.map(({ text }) => text),
  );
}

for (const codec of ['raw', 'zlib', 'lzo', 'snappy', 'zstd'] as const)
  test(`a kdump file of ${codec} pages gives the memory it was made of`, () => {
    const dump = openDump(sourceOf(encodeKdump(MACHINE, { codec })));
    assert.deepEqual([dump.format, dump.problems, dump.dumpLevel], ['kdump-compressed', [], 31]);
    assertHoldsAll(dump);
    assert.deepEqual(dump.memoryRanges(), [
      { start: MACHINE.base, end: MACHINE.base + BigInt(MACHINE.bytes.length) },
    ]);
  });

for (const usePnXnum of [false, true])
  test(`an ELF dump ${usePnXnum ? 'with PN_XNUM ' : ''}gives the memory it was made of`, () => {
    const dump = openDump(sourceOf(encodeElfDump(MACHINE, { usePnXnum })));
    assert.deepEqual([dump.format, dump.problems], ['ELF', []]);
    assertHoldsAll(dump);
    assert.equal(dump.savedBytes(), BigInt(MACHINE.bytes.length));
  });

/** `bytes` in pieces of any size and order, with garbage that later pieces write over. */
function piecesOf(bytes: Uint8Array): fc.Arbitrary<FlatPiece[]> {
  const offset = fc.integer({ min: 0, max: bytes.length - 1 });
  return fc
    .tuple(fc.array(offset, { maxLength: 30 }), fc.array(offset, { maxLength: 10 }))
    .map(([cuts, early]) => {
      const edges = [...new Set([0, ...cuts, bytes.length])].sort((a, b) => a - b);
      const garbage = early.map((at) => ({
        offset: at,
        bytes: new Uint8Array(Math.min(5000, bytes.length - at)).fill(0xaa),
      }));
      const pieces = edges
        .slice(1)
        .map((end, index) => ({ offset: edges[index]!, bytes: bytes.subarray(edges[index]!, end) }));
      return [...garbage, ...pieces.toReversed()];
    });
}

test('a flattened stream of any pieces is the file that its last writers wrote', () => {
  const file = encodeKdump(MACHINE);
  fc.assert(
    fc.property(piecesOf(file), (pieces) => {
      const dump = openDump(sourceOf(encodeFlattened(pieces)));
      assert.deepEqual([dump.isFlattened, dump.problems], [true, []]);
      assertHoldsAll(dump);
    }),
    inputs(60),
  );
  assertHoldsAll(openDump(sourceOf(encodeFlattened([{ offset: 0, bytes: encodeElfDump(MACHINE) }]))));
});

test('a stream without its end mark is said to be cut off, and still gives what it has', () => {
  const file = encodeKdump(MACHINE);
  const dump = openDump(sourceOf(encodeFlattened([{ offset: 0, bytes: file }], { hasEnd: false })));
  assert.match(dump.problems[0]!, /cut off at byte \d+, before its end mark/);
  assertHoldsAll(dump);
});

test('a stream of more pieces than are read is said to be, and what they would be is no zeros', () => {
  const piece = (offset: number) => ({ offset, bytes: Uint8Array.of(offset + 1, offset + 2) });
  const file = openFlattened(sourceOf(encodeFlattened([piece(0), piece(6), piece(2)])), 2);
  assert.match(file.problem!, /more than 2 pieces: it was read up to byte 4132/);
  assert.deepEqual([...file.read(0, 8)], [1, 2]);
  assert.deepEqual([...file.read(6, 2)], [7, 8]);
});

test('excluded, lost and absent are different answers', () => {
  const page = (index: number) => MACHINE.base + BigInt(index * 4096);
  const dump = openDump(
    sourceOf(encodeKdump(MACHINE, { excluded: [page(40)], lost: [page(41)], isIncomplete: true })),
  );
  assert.equal(dump.readPhysical(page(39), 4096).state, 'read');
  assert.equal(dump.readPhysical(page(40), 8).state, 'excluded');
  assert.equal(dump.readPhysical(page(41), 8).state, 'lost');
  assert.equal(dump.readPhysical(page(42), 8).state, 'read');
  assert.equal(dump.readPhysical(page(63) + 4096n, 8).state, 'absent');
  assert.equal(dump.readPhysical(0n, 8).state, 'absent');
  const across = dump.readPhysical(page(39) + 4000n, 200);
  assert.ok(across.state === 'excluded' && across.address === page(40));
  assert.match(dump.problems.join(), /incomplete/);
});

test('a part of a split dump has its own pages, and the others are lost, not excluded', () => {
  const first = Number(MACHINE.base) / 4096;
  const dump = openDump(sourceOf(encodeKdump(MACHINE, { split: { start: first + 8, end: first + 16 } })));
  const page = (index: number) => dump.readPhysical(MACHINE.base + BigInt(index * 4096), 4096);
  assert.deepEqual([page(7).state, page(16).state], ['lost', 'lost']);
  const read = page(9);
  assert.ok(
    read.state === 'read' && Buffer.from(MACHINE.bytes.subarray(9 * 4096, 10 * 4096)).equals(read.bytes),
  );
  assert.match(dump.problems.join(), /one part of a split dump/);
});

/** Every byte that a damaged dump claims to have is one that the memory had. */
function assertHonest(bytes: Uint8Array): void {
  outcomeOf((damaged) => {
    const dump = openDump(sourceOf(damaged));
    for (let at = 0; at < MACHINE.bytes.length; at += 4096) {
      const read = dump.readPhysical(MACHINE.base + BigInt(at), 4096);
      if (read.state === 'read')
        assert.ok(
          Buffer.from(MACHINE.bytes.subarray(at, at + 4096)).equals(read.bytes),
          `wrong page at ${at}`,
        );
    }
    dump.memoryRanges();
    readCrashLog(openKernelMemory(dump));
  }, bytes);
}

for (const [name, file] of [
  ['a kdump file', encodeKdump(MACHINE)],
  ['an ELF dump', encodeElfDump(MACHINE)],
  ['a flattened stream', encodeFlattened([{ offset: 0, bytes: encodeKdump(MACHINE) }])],
] as const)
  test(`${name} that is cut off anywhere never gives a wrong page, and says that it is cut off`, () => {
    for (let length = 0; length < file.length; length += 211) {
      assertHonest(file.subarray(0, length));
      const dump = outcomeOf((bytes) => openDump(sourceOf(bytes)), file.subarray(0, length));
      if (!(dump instanceof Error)) assert.notDeepEqual((dump as CrashedMemory).problems, [], `at ${length}`);
    }
  });

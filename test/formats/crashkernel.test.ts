import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type CrashkernelArgument,
  parseCrashkernel,
  printCrashkernel,
} from '../../src/formats/crashkernel.ts';
import {
  type CrashkernelMachine,
  crashkernelReservation,
  LOW_DEFAULT_BYTES,
} from '../../src/formats/crashkernel-reservation.ts';

const MIB = 1n << 20n;
const GIB = 1n << 30n;

test('every form of the documentation is understood', () => {
  const cases: readonly (readonly [string, CrashkernelArgument])[] = [
    ['64M', { kind: 'size', size: 64n * MIB, offset: undefined }],
    ['64M@16M', { kind: 'size', size: 64n * MIB, offset: 16n * MIB }],
    ['0x4000000', { kind: 'size', size: 64n * MIB, offset: undefined }],
    ['0100k', { kind: 'size', size: 64n << 10n, offset: undefined }],
    ['72M,low', { kind: 'low', size: 72n * MIB }],
    ['1G,high', { kind: 'high', size: GIB }],
    ['1G,cma', { kind: 'cma', size: GIB }],
    [
      '512M-2G:64M,2G-:128M@16M',
      {
        kind: 'ranges',
        ranges: [
          { start: 512n * MIB, end: 2n * GIB, size: 64n * MIB },
          { start: 2n * GIB, end: undefined, size: 128n * MIB },
        ],
        offset: 16n * MIB,
      },
    ],
  ];
  for (const [text, expected] of cases) assert.deepEqual(parseCrashkernel(text), expected, text);
});

test('what the kernel does not understand is refused with its place', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /at its end: a size/],
    ['auto', /at "auto": a size/],
    ['64M,hi', /at "hi": high, low or cma/],
    ['64M,high,low', /at "high,low": high, low or cma/],
    ['64M@', /at its end: a size/],
    ['64Mb', /at "b": nothing more/],
    ['1G:64M', /at ":64M": "-" is expected/],
    ['2G-1G:64M', /at "1G:64M": a range must end above its start/],
    ['1G-2G:', /at its end: a size/],
    ['1G-2G:64M,high', /at "high": a size/],
    ['1G-:64M 2', /at " 2": nothing more/],
    ['99999999999999999999', /2\^64/],
    ['16E', /2\^64/],
  ];
  for (const [text, message] of cases)
    assert.throws(() => parseCrashkernel(text), { code: 'E_USAGE', message }, text);
});

const size = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  fc.bigInt({ min: 1n, max: 4096n }).map((mebibytes) => mebibytes * MIB),
);
const offset = fc.option(size, { nil: undefined });
const range = fc.tuple(size, size, size, fc.boolean()).map(([a, b, bytes, isOpen]) => ({
  start: a < b ? a : b,
  end: isOpen || a === b ? undefined : a < b ? b : a,
  size: bytes,
}));
const argument: fc.Arbitrary<CrashkernelArgument> = fc.oneof(
  fc.record({ kind: fc.constant('size' as const), size, offset }),
  fc.record({
    kind: fc.constant('ranges' as const),
    ranges: fc.array(range, { minLength: 1, maxLength: 5 }),
    offset,
  }),
  fc.record({ kind: fc.constantFrom('high' as const, 'low' as const, 'cma' as const), size }),
);

test('what is printed reads back as the same argument', () => {
  fc.assert(
    fc.property(argument, (one) =>
      assert.deepEqual(parseCrashkernel(printCrashkernel(one)), structuredClone(one)),
    ),
  );
});

test('any text is understood or refused with an error of ours', () => {
  const text = fc.oneof(
    fc.string(),
    fc.array(fc.constantFrom(...'0123xX-:,@KMGhighlowcma '), { maxLength: 24 }).map((all) => all.join('')),
  );
  fc.assert(
    fc.property(text, (value) => {
      try {
        parseCrashkernel(value);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'E_USAGE');
      }
    }),
  );
});

const MACHINE: CrashkernelMachine = {
  ramBytes: 8n * GIB - 1n,
  lowDefaultBytes: LOW_DEFAULT_BYTES['x86-64'],
  knowsCma: true,
};

function reserve(values: readonly string[], machine: Partial<CrashkernelMachine> = {}): string {
  const { mainBytes, place, lowBytes, cmaBytes, problem } = crashkernelReservation(values, {
    ...MACHINE,
    ...machine,
  });
  const where = typeof place === 'object' ? `@${place.address / MIB}` : place;
  return mainBytes === 0n
    ? `nothing: ${problem}`
    : `${mainBytes / MIB} ${where} low ${lowBytes / MIB} cma ${cmaBytes / MIB}`;
}

test('the last plain argument counts and makes high and low count for nothing', () => {
  assert.equal(reserve(['64M', '128M']), '128 below-4g low 256 cma 0');
  assert.equal(reserve(['512M,high', '72M,low', '128M']), '128 below-4g low 256 cma 0');
  assert.equal(reserve(['128M', '512M,high']), '128 below-4g low 256 cma 0');
  assert.equal(reserve(['128M@16M']), '128 @16 low 0 cma 0');
  assert.equal(reserve(['128M', '1G,cma']), '128 below-4g low 256 cma 1024');
});

test('high takes its low part from the last low, or the default of the architecture', () => {
  assert.equal(reserve(['512M,high']), '512 above-4g low 256 cma 0');
  assert.equal(reserve(['512M,high', '128M,low', '72M,low']), '512 above-4g low 72 cma 0');
  assert.equal(reserve(['512M,high', '0,low']), '512 above-4g low 0 cma 0');
  assert.equal(
    reserve(['512M,high'], { lowDefaultBytes: LOW_DEFAULT_BYTES.arm64 }),
    '512 above-4g low 128 cma 0',
  );
});

test('low and cma alone, an argument of zero, and more than the machine has reserve nothing', () => {
  assert.match(reserve(['72M,low']), /nothing: ,low and ,cma alone/);
  assert.match(reserve(['1G,cma']), /nothing: ,low and ,cma alone/);
  assert.match(reserve(['0']), /nothing: it asks for 0 bytes/);
  assert.match(reserve(['8G']), /nothing: more is asked for/);
  assert.equal(reserve([]), 'nothing: undefined');
});

test('a malformed last argument is not replaced by an earlier one', () => {
  assert.match(reserve(['128M', 'auto']), /nothing: crashkernel=auto/);
  assert.match(reserve(['512M,high', 'x,low']), /nothing: crashkernel=x,low/);
  assert.equal(reserve(['128M', 'x,cma']), '128 below-4g low 256 cma 0');
});

test('a kernel before 6.17 takes a cma argument for a malformed plain one, unless a plain one follows', () => {
  assert.match(reserve(['128M', '1G,cma'], { knowsCma: false }), /nothing: .*does not know ,cma/);
  assert.equal(reserve(['1G,cma', '128M'], { knowsCma: false }), '128 below-4g low 256 cma 0');
});

test('ranges are looked at in order, with the machine rounded up to 128 MiB', () => {
  const debian = '384M-:128M';
  assert.equal(reserve([debian]), '128 below-4g low 256 cma 0');
  assert.match(reserve([debian], { ramBytes: 256n * MIB }), /no range is for a machine/);
  assert.equal(reserve([debian], { ramBytes: 300n * MIB }), '128 below-4g low 256 cma 0');
  const three = '1G-4G:160M,4G-64G:192M,64G-:256M';
  for (const [gibibytes, expected] of [
    [2n, 160],
    [4n, 192],
    [63n, 192],
    [64n, 256],
  ] as const)
    assert.match(reserve([three], { ramBytes: gibibytes * GIB }), new RegExp(`^${expected} `));
  // 64 GiB less a byte: the firmware's own part does not move a machine into a lower range.
  assert.match(reserve([three], { ramBytes: 64n * GIB - 1n }), /^256 /);
});

test('a range that asks for more than the machine has ends it, also when another one would match', () => {
  assert.match(reserve(['1T-:16G,1G-:128M']), /nothing: a range asks for/);
  assert.equal(reserve(['1G-:128M,1T-:16G']), '128 below-4g low 256 cma 0');
});

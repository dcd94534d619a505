/**
 * Programs in the place of age, for captures on this machine: files of the size and with the start of age's, in which
 * every byte is another than before. What they hide nobody should.
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AGE_PIECE, AGE_START, AGE_TEXT_START, ageHeaderSize } from '../../src/formats/age-file.ts';
import { fn } from '../../src/formats/static-program/functions.ts';
import { readAll } from '../../src/formats/static-program/library/input.ts';
import { writeAll } from '../../src/formats/static-program/library/output.ts';
import { argumentCount } from '../../src/formats/static-program/library/process.ts';
import {
  giveBack,
  loopWhile,
  type Statement,
  set,
  store,
  when,
} from '../../src/formats/static-program/statements.ts';
import { encodeStaticProgram } from '../../src/formats/static-program/static-program.ts';
import { load, type Term, zeroed } from '../../src/formats/static-program/terms.ts';
import type { BroughtProgram } from '../../src/plan/capture/brought-program.ts';
import type { ProgramRunner } from './static-programs.ts';

const ROOM = 0x40_0000;
const FLIP = 0x80;
const HEADER = ageHeaderSize(1);
/** Its name, `-r` and the key. */
const USUAL_ARGUMENTS = 3;

let programs: string | undefined;
let count = 0;
process.once('exit', () => programs && rmSync(programs, { recursive: true }));

/** A program of this architecture that does `statements`; it is removed when this process ends. */
export function broughtProgram(
  { architecture, emulator }: ProgramRunner,
  statements: (stack: Term) => readonly Statement[],
  args: readonly string[] = [],
): BroughtProgram {
  programs ??= mkdtempSync(join(tmpdir(), 'khop-brought-'));
  count += 1;
  const path = join(programs, `program-${count}`);
  const main = fn('main', ['stack'], [], ({ stack }) => statements(stack));
  writeFileSync(path, encodeStaticProgram(main, architecture), { mode: 0o755 });
  // The kernel of this machine starts programs of its own architecture only.
  const start = emulator === undefined ? [] : [`/usr/bin/${emulator}`];
  return { folder: '/age', files: [], command: [...start, path, ...args] };
}

/** Takes standard input, and `-a`. */
export function standInAge(runner: ProgramRunner): BroughtProgram {
  const bytes = zeroed(ROOM);
  const tags = zeroed((ROOM / AGE_PIECE.size) * AGE_PIECE.tag + HEADER);
  const seal = fn('seal', ['isText'], ['size', 'at'], ({ isText, size, at }) => [
    set(size, readAll(0, bytes, ROOM)),
    loopWhile(
      [at, '<', size],
      [store.u8([bytes, '+', at], [load.u8([bytes, '+', at]), '^', FLIP]), set(at, [at, '+', 1])],
    ),
    when(isText, [writeAll(1, AGE_TEXT_START, AGE_TEXT_START.length), writeAll(1, bytes, size), giveBack(0)]),
    writeAll(1, AGE_START, AGE_START.length),
    writeAll(1, tags, HEADER - AGE_START.length),
    writeAll(1, bytes, size),
    giveBack(writeAll(1, tags, [[[size, '+', AGE_PIECE.size - 1], '/', AGE_PIECE.size], '*', AGE_PIECE.tag])),
  ]);
  return broughtProgram(runner, (stack) => [giveBack(seal([argumentCount(stack), '>', USUAL_ARGUMENTS]))], [
    '-r',
    'KEY',
  ]);
}

/** What the stand-in was given; undefined for what it did not write. */
export function openStandIn(file: Uint8Array | undefined): Buffer | undefined {
  if (file === undefined) return undefined;
  const bytes = Buffer.from(file);
  const flipped = (part: Buffer) => Buffer.from(part.map((byte) => byte ^ FLIP));
  if (bytes.toString('latin1').startsWith(AGE_TEXT_START))
    return flipped(bytes.subarray(AGE_TEXT_START.length));
  if (!bytes.toString('latin1').startsWith(AGE_START)) return undefined;
  const pieces = Math.ceil((bytes.length - HEADER) / (AGE_PIECE.size + AGE_PIECE.tag));
  return flipped(bytes.subarray(HEADER, bytes.length - pieces * AGE_PIECE.tag));
}

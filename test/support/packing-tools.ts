/**
 * The tools that pack what the decoders unpack, where they are installed.
 * @module
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

/** False when `tool` can be run, else why a test that needs it is skipped. */
export function whyNot(tool: string): string | false {
  return spawnSync(tool, ['--version'], { stdio: 'ignore', timeout: 10_000 }).error === undefined
    ? false
    : `${tool} is not installed`;
}

/** Standard output of `tool args...` for `input`. */
export function packWith(tool: string, args: readonly string[], input: Uint8Array): Uint8Array {
  const { status, stdout, stderr, error } = spawnSync(tool, args, {
    input,
    timeout: 120_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  assert.equal(error, undefined);
  assert.equal(status, 0, `${tool} ${args.join(' ')}: ${stderr.toString()}`);
  return stdout;
}

/** Nothing, one byte, and much of what exercises an encoder: code, zeros, noise, words, runs. Always the same. */
export function packingInputs(): readonly Uint8Array[] {
  let seed = 0x2545f491;
  const random = () => {
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    return seed >>> 0;
  };
  const noise = Uint8Array.from({ length: 100_000 }, () => random());
  const words = Buffer.from(Array.from({ length: 30_000 }, () => `w${random() % 900} `).join(''));
  const runs = Uint8Array.from({ length: 100_000 }, (_, at) => (at >> 9) * (random() % 50 === 0 ? 3 : 1));
  const parts = [machineCode(random), new Uint8Array(300_000), noise, words, runs];
  return [new Uint8Array(), Uint8Array.of(0x4b), Buffer.concat(parts)];
}

/** Calls and branches of several architectures between filler, so that branch filters have work. */
function machineCode(random: () => number): Uint8Array {
  const code = Buffer.alloc(240_000);
  for (let at = 0; at + 8 <= code.length; at += 8) {
    const target = random() % 0x40000;
    const kind = random() % 8;
    if (kind < 3) {
      code[at] = 0xe8 + (kind & 1);
      code.writeInt32LE(target - 0x20000, at + 1);
    } else if (kind === 3) code.writeUInt32LE(0x94000000 + target, at);
    else if (kind === 4) code.writeUInt32LE((0x90000000 | ((target & 0xffff) << 5)) >>> 0, at + 4);
    else if (kind === 5) code.writeUInt32LE((0xeb000000 | target) >>> 0, at);
    else if (kind === 6) code.writeUInt32BE((0x48000001 | (target << 2)) >>> 0, at + 4);
    else code.writeUInt32LE((0xf800f000 | (target & 0x7ff) | ((target & 0x7ff) << 16)) >>> 0, at);
  }
  return code;
}

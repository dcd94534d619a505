import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CpioEntry } from '../../../src/formats/cpio.ts';
import { cpioFile, cpioSymlink, encodeCpio } from '../../../src/formats/cpio-writer.ts';
import { readInitramfs } from '../../../src/formats/initramfs.ts';
import { encodeModuleIndex } from '../../../src/formats/module-index-writer.ts';
import { fn } from '../../../src/formats/static-program/functions.ts';
import { giveBack } from '../../../src/formats/static-program/statements.ts';
import { encodeStaticProgram } from '../../../src/formats/static-program/static-program.ts';
import {
  ASKED_AT_START,
  type KnownNames,
  quickModprobe,
  quickModprobes,
} from '../../../src/plan/initramfs/quick-modprobe.ts';
import { trimInitramfs } from '../../../src/plan/initramfs/trim-initramfs.ts';
import { initramfsEntries, RELEASE, SOME_MODULES, trimRequest } from '../../support/initramfs-builder.ts';
import { PROGRAM_RUNNERS, runExecutable } from '../../support/static-programs.ts';

const CBC = 'crypto-cbc(aes)';
const [ABSENT, BUILT_IN] = [1, 0];
const NONE = new Map(ASKED_AT_START.map((name) => [name, ABSENT]));
const NOTHING: KnownNames = { isModule: () => false, isBuiltIn: () => false };
const nothing = fn('main', ['stack'], [], () => [giveBack(0)]);
const KMOD = cpioFile('usr/bin/kmod', encodeStaticProgram(nothing, 'arm64'), 0o755);
const LINK = cpioSymlink('usr/sbin/modprobe', '../bin/kmod');

for (const runner of PROGRAM_RUNNERS) {
  const { architecture, skip } = runner;
  test(`modprobe (${architecture}) says what is not there, and is the real one for all else`, {
    skip,
  }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'khop-modprobe-'));
    try {
      const real = join(folder, 'real');
      writeFileSync(real, '#!/bin/sh\necho "$KEPT: $@"\nexit 7\n', { mode: 0o755 });
      const program = quickModprobe(real, new Map([...NONE, ['cryptomgr', BUILT_IN]]), architecture);
      const run = (...args: string[]) => {
        const { status, output } = runExecutable(runner, program, { args, environment: { KEPT: 'kept' } });
        return { status, said: output.toString() };
      };
      for (const name of ASKED_AT_START)
        assert.deepEqual(run('-q', '--', name), { status: name === 'cryptomgr' ? 0 : 1, said: '' });
      for (const args of [
        ['-q', '--', 'ext4'],
        ['-q', '--', CBC.slice(0, -1)],
        ['-q', '--', `${CBC}x`],
        ['-v', '--', CBC],
        ['-q', CBC],
        ['-q', '--', CBC, 'option=1'],
        [],
      ])
        assert.deepEqual(run(...args), { status: 7, said: `kept: ${args.join(' ')}\n` });
      rmSync(real);
      assert.equal(run('ext4').status, 127, 'as of a program that is not there');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

/** What the links that the kernel runs become. */
function madeOf(entries: readonly CpioEntry[], known: Partial<KnownNames> = {}): (Uint8Array | undefined)[] {
  const made = quickModprobes(entries, { ...NOTHING, ...known });
  return entries.filter(({ name }) => name.endsWith('modprobe')).map((entry) => made.get(entry)?.bytes);
}

test('a link to kmod is replaced by a program that leads to the same place', () => {
  const made = quickModprobes([KMOD, LINK], NOTHING).get(LINK);
  assert.equal(made?.name, LINK.name);
  assert.equal(made?.mode, 0o100755);
  assert.deepEqual(made?.bytes, quickModprobe('/usr/sbin/../bin/kmod', NONE, 'arm64'));
  const absolute = cpioSymlink('sbin/modprobe', '/bin/kmod');
  assert.deepEqual(madeOf([KMOD, absolute]), [quickModprobe('/bin/kmod', NONE, 'arm64')]);
});

test('modprobe stays where somebody has an answer, and where it is no link to a program that is known', () => {
  assert.deepEqual(madeOf([KMOD, LINK], { isModule: () => true }), [undefined]);
  const others = new Map([...NONE].filter(([name]) => name !== CBC));
  const most = madeOf([KMOD, LINK], { isModule: (name) => name === CBC });
  assert.deepEqual(most, [quickModprobe('/usr/sbin/../bin/kmod', others, 'arm64')]);
  const more = madeOf([KMOD, LINK], { isBuiltIn: (name) => name === CBC });
  const built = new Map([...NONE, [CBC, BUILT_IN]]);
  assert.deepEqual(more, [quickModprobe('/usr/sbin/../bin/kmod', built, 'arm64')]);
  const configuration = cpioFile('etc/modprobe.d/mine.conf', Buffer.from(`install ${CBC} /bin/mine\n`));
  assert.deepEqual(madeOf([KMOD, LINK, configuration]), [undefined]);
  assert.deepEqual(madeOf([LINK]), [undefined], 'kmod is not there');
  assert.deepEqual(madeOf([cpioFile('usr/bin/kmod', Buffer.from('#!/bin/sh\n'), 0o755), LINK]), [undefined]);
  assert.deepEqual(madeOf([KMOD, cpioFile('usr/sbin/modprobe', KMOD.bytes, 0o755)]), [undefined]);
  assert.deepEqual(madeOf([KMOD, cpioSymlink('opt/sbin/modprobe', '../bin/kmod')]), [undefined]);
});

test('trimming an initramfs puts the quick modprobe into it, which knows what is built in', () => {
  const indexes = {
    'modules.builtin': 'kernel/crypto/cryptomgr.ko\n',
    'modules.builtin.alias.bin': Buffer.from(
      encodeModuleIndex([{ key: 'crypto_aes', value: 'aes_generic', priority: 0 }]),
    ),
  };
  const builtIns = Object.entries(indexes).map(([name, content]) =>
    cpioFile(`usr/lib/modules/${RELEASE}/${name}`, Buffer.from(content)),
  );
  const entries = [...initramfsEntries({ modules: SOME_MODULES }), ...builtIns, KMOD, LINK];
  const content = readInitramfs(encodeCpio(entries), 'initrd.img');
  const result = trimInitramfs(content, trimRequest());
  assert.equal(result.obstacle, undefined);
  const modprobe = result.entries.find(({ name }) => name === LINK.name);
  const answers = new Map([...NONE, ['crypto-aes', BUILT_IN], ['cryptomgr', BUILT_IN]]);
  assert.deepEqual(modprobe?.bytes, quickModprobe('/usr/sbin/../bin/kmod', answers, 'arm64'));
});

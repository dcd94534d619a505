import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCpio } from '../../../src/formats/cpio.ts';
import { parseElf } from '../../../src/formats/elf.ts';
import { encodeSetupDataHeader } from '../../../src/formats/setup-data.ts';
import type { CaptureEnding } from '../../../src/plan/capture/capture-ending.ts';
import { captureInitramfs } from '../../../src/plan/capture/capture-initramfs.ts';
import { type CaptureOrder, captureProgram } from '../../../src/plan/capture/capture-program.ts';

const SHELL = {
  files: [{ path: '/lib/x86_64-linux-gnu/libc.so.6', bytes: Buffer.from('libc') }],
  command: ['/bin/busybox', 'sh'],
  note: 'Why, and how to leave.\n',
  server: undefined,
} as const;
const ROOM = {
  address: 0x10_0000n,
  size: 0x4_0000,
  header: encodeSetupDataHeader('khopReport', 0x3_fff0),
};

function order(ending: CaptureEnding, over: Partial<CaptureOrder> = {}): CaptureOrder {
  return {
    architecture: 'x86-64',
    deadlineMs: 60_000,
    modules: ['/modules/virtio_blk.ko'],
    target: {
      kind: 'file-system',
      fileSystem: 'ext4',
      options: '',
      identity: { offset: 0x468, bytes: new Uint8Array(16).fill(1) },
      folder: 'var/lib/khop/crashes',
      deadlineMs: 30_000,
    },
    dump: undefined,
    encryption: undefined,
    home: {
      address: 0x6800_0000n,
      bytes: new Uint8Array(0x3000),
      bootProcessor: 0,
      report: { room: ROOM, arming: '0123456789abcdef' },
    },
    ending,
    ...over,
  };
}

test('a program comes out for each ending, with and without a disk and a kernel to go home with', () => {
  const bare = { ...SHELL, command: undefined };
  for (const ending of ['home', 'firmware', SHELL, bare, { withoutHome: SHELL }] as const)
    for (const over of [{}, { target: undefined }, { home: undefined }])
      assert.equal(parseElf(captureProgram(order(ending, over))).type, 2, 'ET_EXEC');
});

test('only a program with a shell has its note', () => {
  const has = (ending: CaptureEnding) => Buffer.from(captureProgram(order(ending))).includes(SHELL.note);
  assert.deepEqual(
    [has('home'), has('firmware'), has(SHELL), has({ withoutHome: SHELL })],
    [false, false, true, true],
  );
});

test('files of a shell lie in folders that are there before them', () => {
  const content = { program: new Uint8Array(4), modules: [], programs: [] };
  const { bytes } = captureInitramfs({ ...content, rescueFiles: SHELL.files });
  const names = parseCpio(bytes).entries.map(({ name }) => name);
  const at = (name: string) => names.indexOf(name);
  assert.ok(at('lib') >= 0 && at('lib') < at('lib/x86_64-linux-gnu'));
  assert.ok(at('lib/x86_64-linux-gnu') < at('lib/x86_64-linux-gnu/libc.so.6'));
});

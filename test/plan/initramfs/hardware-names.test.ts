import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cpioFile, encodeCpio } from '../../../src/formats/cpio-writer.ts';
import { type HwdbNode, parseHwdb } from '../../../src/formats/hwdb.ts';
import { encodeHwdb } from '../../../src/formats/hwdb-writer.ts';
import { readInitramfs } from '../../../src/formats/initramfs.ts';
import { withoutHardwareNames } from '../../../src/plan/initramfs/hardware-names.ts';
import { trimInitramfs } from '../../../src/plan/initramfs/trim-initramfs.ts';
import { hwdbNode, KEYBOARDS } from '../../support/hwdb-builder.ts';
import { initramfsEntries, SOME_MODULES, trimRequest } from '../../support/initramfs-builder.ts';

const DATABASE = cpioFile('usr/lib/udev/hwdb.bin', encodeHwdb(KEYBOARDS), 0o444);

function rules(text: string) {
  return cpioFile('usr/lib/udev/rules.d/99-local.rules', Buffer.from(text));
}

test('names for people go, keys of keyboards and names of interfaces stay where they were', () => {
  const shorter = withoutHardwareNames([DATABASE, rules('IMPORT{builtin}="hwdb --subsystem=usb"')]).get(
    DATABASE,
  );
  assert.ok(shorter !== undefined && shorter.bytes.length < DATABASE.bytes.length);
  assert.deepEqual({ ...shorter, bytes: undefined }, { ...DATABASE, bytes: undefined });
  const keys = KEYBOARDS.files[1]!;
  assert.deepEqual(parseHwdb(shorter.bytes), {
    toolVersion: 252n,
    files: [keys],
    root: hwdbNode('', {
      101: hwdbNode('vdev:input:b0003v05ACp0250*', {}, [' KEYBOARD_KEY_70035', '102nd', keys, 9]),
      117: hwdbNode('sb:v', {
        48: hwdbNode('5AC', {
          42: hwdbNode('', {}, [' ID_NET_NAME_FROM_DATABASE', 'tether0', keys, 4]),
        }),
      }),
    }),
  });
});

function propertiesIn(bytes: Uint8Array): string[] {
  const all: string[] = [];
  const visit = ({ values, children }: HwdbNode): void => {
    all.push(...values.map(({ property }) => property.trim()));
    for (const { node } of children) visit(node);
  };
  visit(parseHwdb(bytes).root);
  return [...new Set(all)].sort();
}

test('a name that a rule or script mentions stays; a program that has it inside sets it', () => {
  const program = cpioFile('usr/bin/udevadm', Buffer.from('\x7fELF ID_VENDOR_FROM_DATABASE', 'latin1'));
  for (const text of ['ENV{ID_MODEL_FROM_DATABASE}=="Foo", RUN+="/bin/x"', 'echo $ID_MODEL_FROM_DATABASE']) {
    const shorter = withoutHardwareNames([DATABASE, program, rules(text)]).get(DATABASE);
    assert.deepEqual(propertiesIn(shorter!.bytes), [
      'ID_MODEL_FROM_DATABASE',
      'ID_NET_NAME_FROM_DATABASE',
      'KEYBOARD_KEY_70035',
    ]);
  }
});

test('where a script puts such a name together, all stay', () => {
  assert.equal(withoutHardwareNames([DATABASE, rules('eval echo \\$ID_"$kind"_FROM_DATABASE')]).size, 0);
});

test('a database that is not understood stays as it is, and so does a file of that name elsewhere', () => {
  const damaged = { ...DATABASE, bytes: DATABASE.bytes.subarray(0, 100) };
  const elsewhere = { ...DATABASE, name: 'usr/share/hwdb.bin' };
  assert.equal(withoutHardwareNames([damaged]).size, 0);
  assert.equal(withoutHardwareNames([elsewhere]).size, 0);
});

test('an initramfs is trimmed of them, and says how much that was', () => {
  const entries = [...initramfsEntries({ modules: SOME_MODULES }), DATABASE];
  const content = readInitramfs(encodeCpio(entries), 'initrd');
  const { entries: kept, dropped } = trimInitramfs(content, trimRequest());
  const after = kept.find(({ name }) => name === DATABASE.name);
  assert.ok(after !== undefined && dropped.hardwareNames > 0);
  assert.equal(after.bytes.length + dropped.hardwareNames, DATABASE.bytes.length);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { changeAppends } from '../../../src/plan/boot-loader/extlinux-append.ts';

const SYSLINUX = { name: 'crashkernel', isSyslinux: true } as const;
const SET = { ...SYSLINUX, value: '64M' } as const;
const OTHER = { ...SET, isSyslinux: false } as const;

/** After the change, and after it was taken back. */
function both(text: string, change: typeof SET | typeof OTHER = SET): string[] {
  const after = changeAppends(text, change).text;
  return [after, changeAppends(after, { ...change, value: undefined }).text];
}

test('a label of SYSLINUX without an APPEND gets one after its image, and it goes away again', () => {
  const text = 'LABEL a\n  LINUX /a\n  INITRD /i\nlabel b\n\tkernel b\n\tappend ro\n';
  assert.deepEqual(both(text), [
    'LABEL a\n  LINUX /a\n  APPEND crashkernel=64M\n  INITRD /i\nlabel b\n\tkernel b\n\tappend ro crashkernel=64M\n',
    text,
  ]);
  assert.equal(changeAppends(text, SET).isReached, true);
  assert.deepEqual(changeAppends(text, SET).unknownLabels, []);
});

test('an APPEND before all labels is inherited by those that have none, which get none that would hide it', () => {
  const text = 'append ro quiet\nlabel a\n  kernel /a\nlabel b\n  kernel /b\n  append -\n';
  assert.deepEqual(both(text), [
    'append ro quiet crashkernel=64M\nlabel a\n  kernel /a\nlabel b\n  kernel /b\n  append crashkernel=64M\n',
    text,
  ]);
});

test('a dash before all labels is no parameter, and one for all takes its place', () => {
  const text = 'append -\nlabel a\n  kernel /a\n';
  assert.deepEqual(both(text), ['append crashkernel=64M\nlabel a\n  kernel /a\n', text]);
  assert.equal(changeAppends(text, SET).isReached, true);
});

test('an APPEND after a border of menus is one for all labels again', () => {
  const text = 'label a\n  kernel /a\n  append ro\nmenu begin\nappend rw\nlabel b\n  kernel /b\n';
  assert.equal(
    changeAppends(text, SET).text,
    text.replace('ro', 'ro crashkernel=64M').replace('rw', 'rw crashkernel=64M'),
  );
});

test('what is no Linux kernel gets no parameter', () => {
  const text = 'LABEL hdt\n  COM32 hdt.c32\nLABEL menu\n  KERNEL menu.c32\nLABEL disk\n  LOCALBOOT 0\n';
  assert.deepEqual(changeAppends(text, SET), { text, isReached: false, unknownLabels: [], included: [] });
  assert.match(changeAppends('LABEL a\n  LINUX a.img\n', SET).text, /APPEND crashkernel=64M/);
});

test('elsewhere a label without an APPEND has its command line from nobody knows where, and keeps it', () => {
  const text = 'append ro\nlabel a\n  linux /a\nlabel b\n  linux /b\n  append rw\n';
  const changed = changeAppends(text, OTHER);
  assert.equal(
    changed.text,
    text.replace('append ro', 'append ro crashkernel=64M').replace('rw', 'rw crashkernel=64M'),
  );
  assert.deepEqual([changed.isReached, changed.unknownLabels], [true, ['a']]);
  assert.equal(changeAppends('label a\n  linux /a\n', OTHER).isReached, false);
  const dash = 'label a\n  linux /a\n  append -\n';
  assert.deepEqual(both(dash, OTHER), [dash.replace('-', 'crashkernel=64M'), dash]);
});

test('after an included file it is not known what a label inherits', () => {
  const text = 'include common.cfg\nlabel a\n  linux /a\n';
  const changed = changeAppends(text, SET);
  assert.deepEqual(changed, { text, isReached: false, unknownLabels: ['a'], included: ['common.cfg'] });
});

test('line ends of DOS stay', () => {
  assert.deepEqual(both('LABEL a\r\n  LINUX /a\r\n'), [
    'LABEL a\r\n  LINUX /a\r\n  APPEND crashkernel=64M\r\n',
    'LABEL a\r\n  LINUX /a\r\n',
  ]);
});

test('set once, the parameter is there, and a second time changes nothing', () => {
  const line = fc.constantFrom(
    'label a',
    ' kernel /k',
    ' linux /l',
    ' append -',
    'append ro',
    ' append',
    'menu end',
    'include x',
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), fc.boolean(), (lines, isSyslinux) => {
      const change = { ...SET, isSyslinux };
      const once = changeAppends(lines.join('\n'), change);
      assert.equal(changeAppends(once.text, change).text, once.text);
      if (once.isReached) assert.match(once.text, /append.* crashkernel=64M/i);
      const without = changeAppends(once.text, { ...change, value: undefined }).text;
      assert.doesNotMatch(without, /crashkernel/);
    }),
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultEntry, type MenuItem, menuEntries } from '../../../src/kernels/grub/menu.ts';

function entry(title: string, id = title): MenuItem {
  return { kind: 'entry', title, id, linux: undefined, problems: [] };
}

const MENU: readonly MenuItem[] = [
  entry('First', 'first'),
  {
    kind: 'submenu',
    title: 'Advanced',
    id: 'advanced',
    items: [entry('A'), entry('B', 'b'), entry('C > D', 'c')],
  },
  entry('6.1 > old', 'last'),
  { kind: 'bls', title: 'Fedora', id: 'abc-6.11' },
];

test('the default is a number, a title, an id, or a path of these', () => {
  const chosen = (path: string) => defaultEntry(MENU, path)?.id;
  assert.equal(chosen('0'), 'first');
  assert.equal(chosen('2'), 'last');
  assert.equal(chosen('First'), 'first');
  assert.equal(chosen('abc-6.11'), 'abc-6.11');
  assert.equal(chosen('Fedora'), 'abc-6.11');
  assert.equal(chosen('1>1'), 'b');
  assert.equal(chosen('advanced>b'), 'b');
  assert.equal(chosen('Advanced>C >> D'), 'c');
  assert.equal(chosen('6.1 >> old'), 'last');
});

test('a path that leads nowhere means the first entry, and a submenu means its first', () => {
  const chosen = (path: string) => defaultEntry(MENU, path)?.id;
  assert.equal(chosen(''), 'first');
  assert.equal(chosen('99'), 'first');
  assert.equal(chosen('gone'), 'first');
  assert.equal(chosen('1'), 'A');
  assert.equal(chosen('advanced>gone'), 'A');
  assert.equal(defaultEntry([], '0'), undefined);
});

test('entries are listed in order with the submenus around them', () => {
  assert.deepEqual(
    [...menuEntries(MENU)].map(({ entry: { id }, parents }) => [...parents, id].join('/')),
    ['first', 'Advanced/A', 'Advanced/b', 'Advanced/c', 'last', 'abc-6.11'],
  );
});

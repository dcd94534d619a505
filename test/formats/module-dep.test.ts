import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { orderModules } from '../../src/formats/module-dep.ts';
import type { ModuleInfo } from '../../src/formats/module-file.ts';

type Needs = Partial<Pick<ModuleInfo, 'depends' | 'softDependsBefore' | 'softDependsAfter'>>;

function moduleSet(needs: Readonly<Record<string, Needs>>, builtIn: readonly string[] = []) {
  const modules = Object.entries(needs).map(([name, own]): [string, ModuleInfo] => [
    name,
    {
      name,
      depends: [],
      softDependsBefore: [],
      softDependsAfter: [],
      aliases: [],
      firmware: [],
      versionMagic: undefined,
      ...own,
    },
  ]);
  return { modules: new Map(modules), builtIn: new Set(builtIn) };
}

test('what is needed comes first, each once', () => {
  const set = moduleSet({
    ext4: { depends: ['jbd2', 'mbcache'] },
    jbd2: { depends: ['crc16'] },
    mbcache: { depends: ['crc16'] },
    crc16: {},
    other: {},
  });
  assert.deepEqual(orderModules(['ext4', 'crc16'], set), ['crc16', 'jbd2', 'mbcache', 'ext4']);
});

test('what is built in needs no module', () => {
  const set = moduleSet({ virtio_blk: { depends: ['virtio', 'virtio_ring'] }, virtio: {} }, [
    'virtio',
    'virtio_ring',
  ]);
  assert.deepEqual(orderModules(['virtio_blk', 'virtio'], set), ['virtio_blk']);
});

test('soft dependencies come before or after, where they exist', () => {
  const set = moduleSet({
    a: { softDependsBefore: ['b', 'absent'], softDependsAfter: ['c', 'gone'] },
    b: {},
    c: { depends: ['d'] },
    d: {},
  });
  assert.deepEqual(orderModules(['a'], set), ['b', 'a', 'd', 'c']);
});

test('a circle that a soft dependency closes is opened there', () => {
  const set = moduleSet({ a: { softDependsBefore: ['b'] }, b: { depends: ['c'] }, c: { depends: ['a'] } });
  assert.deepEqual(orderModules(['a'], set), ['a', 'c', 'b']);
  assert.deepEqual(orderModules(['b'], set), ['a', 'c', 'b']);
});

test('modules that need each other are refused by name', () => {
  const set = moduleSet({ a: { depends: ['b'] }, b: { depends: ['c'] }, c: { depends: ['b'] } });
  assert.throws(() => orderModules(['a'], set), {
    code: 'E_FORMAT',
    message: 'modules need each other: b -> c -> b',
  });
});

test('a module that does not exist is named with what needs it', () => {
  const set = moduleSet({ a: { depends: ['b'] } });
  assert.throws(() => orderModules(['a'], set), { code: 'E_NOT_FOUND', message: /module b, needed by a,/ });
  assert.throws(() => orderModules(['x'], set), { code: 'E_NOT_FOUND', message: /list of wanted modules/ });
});

test('a chain of any length is followed', () => {
  const names = Array.from({ length: 20_000 }, (_, index) => `m${index}`);
  const set = moduleSet(
    Object.fromEntries(names.map((name, index) => [name, { depends: names.slice(index + 1, index + 2) }])),
  );
  assert.equal(orderModules(['m0'], set).join(), names.toReversed().join());
});

test('any set without circles is ordered so that nothing waits', () => {
  const graph = fc.array(fc.array(fc.nat(30), { maxLength: 4 }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(graph, fc.array(fc.nat(29), { maxLength: 3 }), (edges, soft) => {
      const needs = edges.map((targets, index): [string, Needs] => [
        `m${index}`,
        {
          depends: targets.filter((target) => target < index).map((target) => `m${target}`),
          softDependsBefore: soft.map((target) => `m${target}`),
        },
      ]);
      const set = moduleSet(Object.fromEntries(needs));
      const order = orderModules([`m${edges.length - 1}`], set);
      assert.equal(new Set(order).size, order.length);
      for (const [at, name] of order.entries())
        for (const needed of set.modules.get(name)!.depends) assert.ok(order.indexOf(needed) < at);
    }),
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOnlineMemory } from '../../src/machine/online-memory.ts';
import { valueOf } from '../../src/machine/reading.ts';
import { auxv } from '../support/machine-trees.ts';
import { buildTree } from '../support/tree-builder.ts';

/** As Linux 6.12 writes it, with fewer counters. */
const zone = (name: string, present: number, managed: number) => `Node 0, zone ${name.padStart(8)}
  pages free     2816
        boost    0
        high     64
        promo    72
        spanned  ${present + 97}
        present  ${present}
        managed  ${managed}
        cma      0
        protection: (0, 2951, 23930, 23930, 23930)
      nr_free_pages 2816
`;

const ZONES = zone('DMA', 3998, 3840) + zone('Normal', 782_336, 12) + zone('Movable', 0, 0);

test('the memory of all zones counts in pages of the machine, whoever has them', () => {
  for (const pageSize of [4096, 65_536]) {
    using tree = buildTree({ 'proc/zoneinfo': ZONES, 'proc/self/auxv': auxv(pageSize) });
    assert.equal(valueOf(readOnlineMemory(tree.root)), (3998 + 782_336) * pageSize);
  }
});

test('without zones, or without the size of a page, nobody can say how much memory there is', () => {
  using odd = buildTree({ 'proc/zoneinfo': 'Node 0\n', 'proc/self/auxv': auxv(4096) });
  assert.equal(readOnlineMemory(odd.root).state, 'unreadable');
  using pageless = buildTree({ 'proc/zoneinfo': ZONES });
  assert.equal(readOnlineMemory(pageless.root).state, 'unreadable');
  using bare = buildTree({});
  assert.equal(readOnlineMemory(bare.root).state, 'absent');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countArrivals, type Estimate, estimateFromHistory, usualDownMs } from '../../src/switch/estimate.ts';
import type { ArrivalHistoryEntry, HistoryEntry, SwitchHistoryEntry } from '../../src/switch/history.ts';

const ARRIVED: SwitchHistoryEntry = {
  ...{ version: 1, kind: 'switch', id: 'x', atMs: 1000, method: 'file', optimisations: [] },
  ...{ shutdown: 'systemd', fromRelease: '6.1.0', toRelease: '6.12.0', image: '/boot/vmlinuz-6.12.0' },
  ...{ outcome: 'arrived', trial: null, arrivedRelease: '6.12.0', arrivedBootId: 'b' },
  ...{ loadMs: 2000, downMs: 4000, upMs: 9000 },
};

function switched(id: string, over: Partial<SwitchHistoryEntry> = {}): SwitchHistoryEntry {
  return { ...ARRIVED, id, ...over };
}

/** The way up after the switch of that id. */
function arrival(id: string, over: Partial<ArrivalHistoryEntry> = {}): ArrivalHistoryEntry {
  return {
    ...{ version: 1, kind: 'arrival', id, atMs: 0, initrdMs: null, initMs: null, finishedMs: null },
    ...{ service: null, slowest: [] },
    ...over,
  };
}

function estimateFrom(...entries: HistoryEntry[]): Estimate | undefined {
  return estimateFromHistory({ entries, damaged: [] }, { method: 'file', optimisations: [] });
}

test('estimates are medians of the last arrivals by the same method', () => {
  const entries = [1000, 9000, 2000].map((loadMs) => ({ ...ARRIVED, loadMs }));
  const failed = { ...ARRIVED, outcome: 'elsewhere' as const, loadMs: 1 };
  const history = { entries: [...entries, failed], damaged: [] };
  assert.deepEqual(estimateFrom(...history.entries), {
    loadMs: 2000,
    downMs: 4000,
    upMs: 9000,
    wayUp: null,
    samples: 3,
  });
  assert.equal(estimateFromHistory(history, { method: 'segments', optimisations: [] }), undefined);
  assert.equal(countArrivals(history), 3);
  assert.equal(usualDownMs(history), 4000);
});

test('the way up is the median of what was measured of the same switches, point by point', () => {
  const estimate = estimateFrom(
    switched('a'),
    arrival('a', { initrdMs: 800, initMs: 2000, finishedMs: 9000 }),
    switched('b'),
    arrival('b', { initMs: 6000, finishedMs: 8000 }),
    switched('c'),
    arrival('c', { initMs: 3000 }),
    switched('d'),
  );
  assert.deepEqual(
    [estimate?.samples, estimate?.wayUp],
    [4, { initrdMs: 800, initMs: 3000, service: null, finishedMs: 9000, samples: 3 }],
  );
});

test('only the switches that the estimate comes from say how the way up will be', () => {
  const others = [
    switched('fast', { optimisations: ['trim'] }),
    switched('segments', { method: 'segments' }),
    switched('elsewhere', { outcome: 'elsewhere' }),
    switched('old'),
  ];
  const recent = ['a', 'b', 'c', 'd', 'e'].map((id) => switched(id));
  const measured = [...others.map(({ id }) => id), 'gone'].map((id) => arrival(id, { initMs: 1 }));
  assert.equal(estimateFrom(...others, ...recent, ...measured)?.wayUp, null);
  const wayUp = estimateFrom(...others, ...recent, ...measured, arrival('c', { initMs: 5 }))?.wayUp;
  assert.deepEqual([wayUp?.initMs, wayUp?.samples], [5, 1]);
});

test('of services the one that was chosen last counts', () => {
  const answered = (id: string, name: string, answeredMs: number | null) => [
    switched(id),
    arrival(id, { service: { name, answeredMs } }),
  ];
  const ssh = [...answered('a', 'ssh.service', 5000), ...answered('b', 'ssh.service', null)];
  const serviceOf = (...entries: HistoryEntry[]) => estimateFrom(...entries)?.wayUp?.service;
  assert.deepEqual(serviceOf(...ssh), { name: 'ssh.service', answeredMs: 5000 });
  assert.deepEqual(serviceOf(...ssh, ...answered('c', 'nginx.service', null)), {
    ...{ name: 'nginx.service', answeredMs: null },
  });
  assert.equal(serviceOf(...ssh, switched('c'), arrival('c')), null);
});

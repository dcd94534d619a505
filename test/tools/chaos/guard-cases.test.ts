import assert from 'node:assert/strict';
import { test } from 'node:test';
import { guardCases } from '../../../tools/chaos/guard/cases.ts';

const ALL = guardCases();

/** What is expected at the points of a power cut whose names begin so. */
function expectedAt(beginning: RegExp): string[] {
  const cuts = ALL.filter(({ name, point }) => name === 'power-cut' && beginning.test(point));
  assert.notEqual(cuts.length, 0);
  return [...new Set(cuts.map(({ expected }) => expected))];
}

test('each firmware has every case of the guard once', () => {
  const titles = ALL.map(({ name, point, bed }) => `${name}, ${point} (${bed.firmware})`);
  assert.deepEqual([...new Set(titles)], titles);
});

test('a report that the panic kernel has called saved is there after a power cut; before, nobody knows', () => {
  assert.deepEqual(expectedAt(/^(report|leave)/), ['home by firmware with report']);
  assert.deepEqual(expectedAt(/^(panic|captured|home|log|target)/), ['home by firmware']);
});

test('a disk that takes no report keeps none away from home', () => {
  const names = ['target-missing', 'target-full', 'target-read-only'];
  const found = ALL.filter(({ name }) => names.includes(name));
  assert.deepEqual(
    found.map(({ name, expected }) => [name, expected]),
    names.map((name) => [name, 'home by kexec with report']),
  );
});

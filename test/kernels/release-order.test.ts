import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareReleases, compareVersions } from '../../src/kernels/release-order.ts';
import { inputs } from '../support/inputs.ts';

/** Pairs of the specification and of real kernels, the older first. */
const ORDERED: readonly (readonly [string, string])[] = [
  ['11', '37'],
  ['122.1', '123'],
  ['123~rc1-1', '123'],
  ['123', '123-a'],
  ['123-a', '123-a.1'],
  ['123-a.1', '123-a1'],
  ['123-a1', '123-b'],
  ['123-3', '123^post1'],
  ['123^post1', '123.a-1'],
  ['123.a-1', '123.1-1'],
  ['123.1-1', '123a-1'],
  ['6.9.10', '6.10.2'],
  ['6.12.9-amd64', '6.12.10-amd64'],
  ['5.14.0-503.el9', '5.14.0-503.11.1.el9'],
];

test('versions are ordered as the specification says', () => {
  for (const [older, newer] of ORDERED) {
    assert.equal(compareVersions(older, newer), -1, `${older} < ${newer}`);
    assert.equal(compareVersions(newer, older), 1, `${newer} > ${older}`);
  }
});

test('leading zeros and characters that mean nothing make no difference', () => {
  assert.equal(compareVersions('1.002', '1.2'), 0);
  assert.equal(compareVersions('1_2', '1:2'), 0);
});

test('a release candidate of the kernel comes before the release', () => {
  assert.equal(compareReleases('6.13.0-rc7', '6.13.0'), -1);
  assert.equal(compareReleases('6.13-rc7-amd64', '6.13.1-amd64'), -1);
  assert.equal(compareReleases('6.13.0-rc7', '6.12.99'), 1);
});

test('the order is total: antisymmetric and transitive', () => {
  const version = fc.string({ unit: fc.constantFrom(...'019aZ.~^-_'), maxLength: 8 });
  fc.assert(
    fc.property(version, version, version, (a, b, c) => {
      assert.equal(compareVersions(a, b) + compareVersions(b, a), 0);
      if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) assert.ok(compareVersions(a, c) <= 0);
    }),
    inputs(2000),
  );
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { PREFLIGHT_CHECKS } from '../../../src/plan/preflight/checks.ts';
import { ALL_CASES } from './all-cases.ts';

interface Section {
  readonly id: string;
  readonly severities: readonly string[];
  readonly text: string;
}

/** One `### id` section each, with its `Severities:`, `Reads:`, `Why:` and `Override:` lines. */
function sections(): Section[] {
  const text = readFileSync(new URL('../../../docs/checks.md', import.meta.url), 'utf8');
  return text
    .split(/^### /m)
    .slice(1)
    .map((section) => ({
      id: section.slice(0, section.indexOf('\n')),
      severities: (/^Severities: (.+)$/m.exec(section)?.[1] ?? '').split(', '),
      text: section,
    }));
}

describe('docs/checks.md', () => {
  test('describes every check once, and no other', () => {
    const documented = sections().map(({ id }) => id);
    assert.deepEqual(documented.toSorted(), PREFLIGHT_CHECKS.map(({ id }) => id).toSorted());
  });

  test('says of every check what it reads, why, and how it is overridden', () => {
    for (const { id, text } of sections())
      for (const line of [/^Reads: \S.*\.$/m, /^Why: \S.*\.$/m, /^Override: (?:none|accept)\b.*\.$/m])
        assert.match(text, line, id);
  });

  test('lists exactly the severities that a case below shows', () => {
    for (const { id, severities } of sections()) {
      const shown = new Set(ALL_CASES.filter(([check]) => check === id).map(([, severity]) => severity));
      assert.deepEqual([...shown].toSorted(), severities.toSorted(), id);
    }
  });

  test('lists every severity that any case makes any check report', () => {
    const documented = new Map(sections().map(({ id, severities }) => [id, severities]));
    for (const [, , situation, input] of ALL_CASES)
      for (const check of PREFLIGHT_CHECKS)
        for (const finding of check.run(input))
          assert.ok(documented.get(check.id)?.includes(finding.severity), `${check.id}: ${situation}`);
  });

  test('promises an override for a refusal exactly where the check allows it', () => {
    for (const { id, text } of sections()) {
      const refusals = ALL_CASES.filter(
        ([check, severity]) => check === id && severity === 'refusal',
      ).flatMap(([, , , input]) => PREFLIGHT_CHECKS.find((check) => check.id === id)?.run(input) ?? []);
      if (refusals.length === 0) continue;
      const override = /^Override: (.+)$/m.exec(text)?.[1] ?? '';
      const fixed = refusals.some(({ isOverridable }) => !isOverridable);
      assert.equal(/\bnone\b/.test(override), fixed, id);
      if (refusals.some(({ isOverridable }) => isOverridable)) assert.match(override, /\baccept\b/, id);
    }
  });
});

describe('the checks', () => {
  test('have ids in kebab-case, each once, and a subject', () => {
    const ids = PREFLIGHT_CHECKS.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    for (const { id, subject } of PREFLIGHT_CHECKS) {
      assert.match(id, /^[a-z0-9]+(?:-[a-z0-9]+)*$/);
      assert.match(subject, /^\S.*[^.]$/, id);
    }
  });

  test('can each fail: none passes in every case', () => {
    for (const { id } of PREFLIGHT_CHECKS)
      assert.ok(
        ALL_CASES.some(([check, severity]) => check === id && severity !== 'pass'),
        id,
      );
  });
});

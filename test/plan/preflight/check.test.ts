import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Finding, Severity } from '../../../src/plan/finding.ts';
import { runPreflight, verdictOf } from '../../../src/plan/preflight/check.ts';
import { PREFLIGHT_CHECKS } from '../../../src/plan/preflight/checks.ts';
import { read } from '../../support/machine-facts.ts';
import { healthyInput, onArm64, onMachine } from '../../support/preflight-input.ts';
import { ALL_CASES } from './all-cases.ts';

function findingsOf(id: string, input: Parameters<typeof runPreflight>[0]): readonly Finding[] {
  const check = PREFLIGHT_CHECKS.find((each) => each.id === id);
  assert.ok(check, `there is no check ${id}`);
  return check.run(input);
}

describe('each check', () => {
  for (const [id, severity, situation, input] of ALL_CASES)
    test(`${id} says ${severity}: ${situation}`, () => {
      const findings = findingsOf(id, input);
      assert.deepEqual(
        findings.map((finding) => finding.severity),
        [severity],
        findings[0]?.title ?? 'no finding',
      );
    });
});

describe('every finding', () => {
  const all = ALL_CASES.flatMap(([, , situation, input]) =>
    runPreflight(input).map((finding) => ({ situation, finding })),
  );

  test('carries the id of its check', () => {
    for (const [, , , input] of ALL_CASES)
      for (const check of PREFLIGHT_CHECKS)
        for (const finding of check.run(input)) assert.equal(finding.id, check.id);
  });

  test('has evidence with a source and a value', () => {
    for (const { situation, finding } of all) {
      assert.notEqual(finding.evidence.length, 0, `${finding.id}: ${situation}`);
      for (const line of finding.evidence) assert.match(line, /^[^:].*: ?\S/, `${finding.id}: ${line}`);
    }
  });

  test('says what to do unless it passes, and nothing when it does', () => {
    for (const { finding } of all)
      assert.equal(finding.remedy === '', finding.severity === 'pass', finding.id);
  });

  test('is one sentence', () => {
    for (const { finding } of all) assert.match(finding.title, /^\S.*[^.]\.$/s, finding.title);
  });

  test('that warns can be accepted, and one that informs needs no accepting', () => {
    for (const { finding } of all) {
      if (finding.severity === 'warning') assert.ok(finding.isOverridable, finding.id);
      if (finding.severity === 'pass' || finding.severity === 'note')
        assert.ok(!finding.isOverridable, finding.id);
    }
  });

  test('of an unreadable source names it in the evidence', () => {
    const input = onMachine({
      lockdown: { state: 'unreadable', source: '/sys/kernel/security/lockdown', reason: 'EACCES' },
    });
    const [finding] = findingsOf('lockdown', input);
    assert.deepEqual(finding?.evidence, ['/sys/kernel/security/lockdown: unreadable (EACCES)']);
  });
});

describe('a preflight', () => {
  test('of a healthy machine and a kernel that suits it has no warning, and says go', () => {
    for (const input of [healthyInput(), onArm64({}), healthyInput({ method: 'segments' })]) {
      const findings = runPreflight(input);
      const loud = findings.filter(({ severity }) => severity === 'warning' || severity === 'refusal');
      assert.deepEqual(loud, []);
      assert.equal(verdictOf(findings), 'go');
    }
  });

  test('without a kernel looks at the machine only', () => {
    const ids = runPreflight(healthyInput({ target: undefined })).map(({ id }) => id);
    assert.ok(ids.includes('lockdown') && ids.includes('hypervisor'));
    assert.ok(
      !ids.some(
        (id) => id.startsWith('initrd-') || id.startsWith('image-') || id.startsWith('command-line-'),
      ),
    );
  });

  test('also reports what passes', () => {
    assert.ok(runPreflight(healthyInput()).filter(({ severity }) => severity === 'pass').length > 40);
  });

  test('reports each check at most once', () => {
    for (const [, , situation, input] of ALL_CASES) {
      const ids = runPreflight(input).map(({ id }) => id);
      assert.equal(new Set(ids).size, ids.length, situation);
    }
  });
});

function finding(id: string, severity: Severity, isOverridable = false): Finding {
  return { id, severity, title: 'x.', evidence: ['a: b'], remedy: 'do', isOverridable };
}

describe('the verdict', () => {
  test('is go when nothing worse than a note is found', () => {
    assert.equal(verdictOf([]), 'go');
    assert.equal(verdictOf([finding('a', 'pass'), finding('b', 'note')]), 'go');
  });

  test('asks for a warning and refuses for a refusal, whatever else there is', () => {
    assert.equal(verdictOf([finding('a', 'warning', true), finding('b', 'pass')]), 'ask');
    assert.equal(verdictOf([finding('a', 'warning', true), finding('b', 'refusal', true)]), 'refuse');
  });

  test('lets a person accept what can be overridden, and nothing else', () => {
    const findings = [finding('a', 'warning', true), finding('b', 'refusal', true)];
    assert.equal(verdictOf(findings, new Set(['b'])), 'ask');
    assert.equal(verdictOf(findings, new Set(['a', 'b'])), 'go');
    assert.equal(verdictOf([finding('c', 'refusal', false)], new Set(['c'])), 'refuse');
  });

  test('of Azure refuses until hypervisor is accepted', () => {
    const findings = runPreflight(onMachine({ hypervisor: read('microsoft') }));
    assert.equal(verdictOf(findings), 'refuse');
    assert.equal(verdictOf(findings, new Set(['hypervisor'])), 'go');
  });
});

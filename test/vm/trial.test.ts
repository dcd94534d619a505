/**
 * Trials on a full Debian with systemd, GRUB and ext4, from the installed package: a part of `npm run chaos -- trial`.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAsExpected } from '../../tools/chaos/row.ts';
import { trialCases } from '../../tools/chaos/trial/cases.ts';
import { runTrialCase } from '../../tools/chaos/trial/run-case.ts';

const LIMIT = { timeout: 1_800_000 };

/** What is seen, and the case of chaos that shows it, with its point. */
const SHOWN = [
  ['a good kernel is confirmed by itself, and becomes the default', 'good kernel', 'services'],
  ['a kernel that panics on trial comes home without firmware, with a report of it', 'panic', 'services'],
] as const;

for (const [sentence, name, point] of SHOWN)
  test(sentence, LIMIT, async () => {
    const each = trialCases().find(
      (one) => one.name === name && one.point === point && one.bed.firmware === 'seabios',
    );
    assert.ok(each !== undefined, `chaos has no case ${name} at ${point}`);
    const row = await runTrialCase(each);
    assert.ok(isAsExpected(row), `${row.outcome}, expected ${row.expected}: ${row.cause}`);
  });

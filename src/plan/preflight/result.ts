/**
 * How checks write down what they found. Evidence is always `source: value`, so that a person can look at
 * the same place.
 * @module
 */
import type { Reading } from '../../machine/reading.ts';
import type { Finding, Severity } from '../finding.ts';

/** One sentence, what was read, and what to do. */
export interface Trouble {
  readonly title: string;
  readonly evidence: readonly string[];
  readonly remedy: string;
}

/** A refusal says whether a person may insist. */
export interface Refusal extends Trouble {
  readonly isOverridable: boolean;
}

/** The findings of one check. */
export interface ResultWriter {
  readonly pass: (title: string, evidence: readonly string[]) => readonly Finding[];
  readonly note: (trouble: Trouble) => readonly Finding[];
  readonly warning: (trouble: Trouble) => readonly Finding[];
  readonly refusal: (refusal: Refusal) => readonly Finding[];
}

/** What the check `id` reports with. Warnings are answered by a person, so they are always overridable. */
export function resultsOf(id: string): ResultWriter {
  const finding = (severity: Severity, trouble: Trouble, isOverridable: boolean): readonly Finding[] => [
    { id, severity, title: trouble.title, evidence: trouble.evidence, remedy: trouble.remedy, isOverridable },
  ];
  return {
    pass: (title, evidence) => finding('pass', { title, evidence, remedy: '' }, false),
    note: (trouble) => finding('note', trouble, false),
    warning: (trouble) => finding('warning', trouble, true),
    refusal: (refusal) => finding('refusal', refusal, refusal.isOverridable),
  };
}

/** `source: value`, `source: absent` or `source: unreadable (reason)`. */
export function evidenceOf<T>(reading: Reading<T>, describe: (value: T) => string = String): string {
  switch (reading.state) {
    case 'read':
      return `${reading.source}: ${describe(reading.value)}`;
    case 'absent':
      return `${reading.source}: absent`;
    case 'unreadable':
      return `${reading.source}: unreadable (${reading.reason})`;
  }
}

/** At most `limit` words and how many more there are, for one line. */
export function listed(words: Iterable<string>, limit = 8): string {
  const all = [...words];
  if (all.length === 0) return 'none';
  const shown = all.slice(0, limit).join(', ');
  return all.length > limit ? `${shown} and ${all.length - limit} more` : shown;
}

/** Bytes as MiB with one decimal, for people. */
export function mebibytes(bytes: number | bigint): string {
  return `${(Number(bytes) / 1048576).toFixed(1)} MiB`;
}

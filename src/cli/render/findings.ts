/**
 * Preflight findings as text: what speaks against it first, what is fine last and short.
 * @module
 */
import type { Finding, Severity } from '../../plan/finding.ts';
import type { CliContext, Style } from '../context.ts';

const ORDER: readonly Severity[] = ['refusal', 'warning', 'note', 'pass'];

const LOOKS: Record<Severity, { readonly word: string; readonly style: Style }> = {
  refusal: { word: 'REFUSE', style: 'red' },
  warning: { word: 'WARN', style: 'yellow' },
  note: { word: 'note', style: 'cyan' },
  pass: { word: 'ok', style: 'green' },
};

/** One block a finding; passes take one line each, and are left out unless `withPasses`. */
export function renderFindings(
  findings: readonly Finding[],
  context: Pick<CliContext, 'style'>,
  withPasses: boolean,
): string {
  const lines: string[] = [];
  for (const severity of ORDER)
    for (const finding of findings.filter((each) => each.severity === severity)) {
      if (severity === 'pass' && !withPasses) continue;
      lines.push(...renderFinding(finding, context));
    }
  return lines.join('\n');
}

function renderFinding(finding: Finding, context: Pick<CliContext, 'style'>): string[] {
  const { word, style } = LOOKS[finding.severity];
  const head = `${context.style(style, word.padEnd(6))} ${context.style('bold', finding.id)}: ${finding.title}`;
  if (finding.severity === 'pass') return [head];
  const override =
    finding.severity === 'refusal' && finding.isOverridable
      ? [`         override: --accept ${finding.id} (you have read the line above)`]
      : [];
  return [
    head,
    ...finding.evidence.map((line) => context.style('dim', `         read: ${line}`)),
    ...(finding.remedy === '' ? [] : [`         do:   ${finding.remedy}`]),
    ...override,
  ];
}

/** `24 checks: 1 refusal, 2 warnings, 3 notes, 18 fine`. */
export function summarizeFindings(findings: readonly Finding[]): string {
  const count = (severity: Severity) => findings.filter((each) => each.severity === severity).length;
  const plural = (n: number, word: string) => `${n} ${word}${n === 1 ? '' : 's'}`;
  return `${plural(findings.length, 'finding')}: ${plural(count('refusal'), 'refusal')}, ${plural(count('warning'), 'warning')}, ${plural(count('note'), 'note')}, ${count('pass')} fine`;
}

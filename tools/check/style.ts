/**
 * House rules that a linter does not know.
 * @module
 */
import type { SourceFile } from './sources.ts';

const LINE_LIMIT = 400;

/** One sentence for each broken rule. */
export function styleProblems(sources: readonly SourceFile[]): string[] {
  return sources.flatMap((source) => [
    ...sizeProblems(source),
    ...(source.path.startsWith('src/') ? [...moduleProblems(source), ...docstringProblems(source)] : []),
  ]);
}

function sizeProblems({ path, text }: SourceFile): string[] {
  const lines = text.split('\n').length - 1;
  return lines > LINE_LIMIT ? [`${path} has ${lines} lines; the limit is ${LINE_LIMIT}`] : [];
}

function moduleProblems({ path, text }: SourceFile): string[] {
  const problems: string[] = [];
  if (!/^\/\*\*[\s\S]*?@module[\s\S]*?\*\//.test(text))
    problems.push(`${path} does not begin by saying what it is (@module)`);
  if (/^export default /m.test(text)) problems.push(`${path} has a default export`);
  return problems;
}

/** Exported functions and classes say what they are for; constants and types may be plain from their names. */
function docstringProblems({ path, text }: SourceFile): string[] {
  const lines = text.split('\n');
  return lines.flatMap((line, index) => {
    const name = /^export (?:async )?(?:abstract )?(?:function\*?|class) (\w+)/.exec(line)?.[1];
    if (name === undefined) return [];
    const before = lines[index - 1]?.trim() ?? '';
    return before.endsWith('*/') || isPlain(name) ? [] : [`${path}:${index + 1}: ${name} has no docstring`];
  });
}

/** `isX`, `readX` and `addXCommand` say it all. */
function isPlain(name: string): boolean {
  return (
    /^(is|has|read|add)[A-Z]/.test(name) ||
    /^(range|historyPath|ticketPath|loadedRecordPath|renderFindings|exitStatusOf|encode|decode)/.test(name)
  );
}

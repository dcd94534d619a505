/**
 * khop's own lines in a file that a shell sources: between two marks, so that they can be replaced and taken
 * out again and everything else stays as its owner wrote it.
 * @module
 */

const BEGIN = '# khop: begin, managed by khop';
const END = '# khop: end';

/** The lines between the marks; none when there are no marks. */
export function shellBlock(text: string): readonly string[] {
  return /^# khop: begin[^\n]*\n([^]*?)^# khop: end$/m.exec(text)?.[1]?.split('\n').slice(0, -1) ?? [];
}

/** `text` with `lines` between the marks, at its end; without lines there are no marks either. */
export function withShellBlock(text: string, lines: readonly string[]): string {
  const without = text.replace(/\n?^# khop: begin[^\n]*\n[^]*?^# khop: end\n?/m, '');
  if (lines.length === 0) return without;
  const start = without === '' || without.endsWith('\n') ? without : `${without}\n`;
  const gap = start === '' ? '' : '\n';
  return `${start}${gap}${BEGIN}\n${lines.join('\n')}\n${END}\n`;
}

/** `lines` with `line` for the parameter `name`, where its old one was, or last; undefined: without any. */
export function withParameterLine(
  lines: readonly string[],
  name: string,
  line: string | undefined,
): readonly string[] {
  const isOld = (each: string): boolean => each.includes(` ${name}=`);
  const others = lines.filter((each) => !isOld(each));
  if (line === undefined) return others;
  const place = lines.findIndex(isOld);
  return others.toSpliced(place < 0 ? others.length : place, 0, line);
}

/** `value` between double quotes of a shell. */
export function quoteForShell(value: string): string {
  return value.replace(/["\\$`]/g, '\\$&');
}

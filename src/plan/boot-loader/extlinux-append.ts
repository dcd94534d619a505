/**
 * The APPEND lines of an extlinux.conf. SYSLINUX gives a label that has none the one before all labels, else nothing;
 * `APPEND -` is nothing. U-Boot knows no APPEND before all labels, and gives a label that has none `bootargs` of its
 * environment, which an inserted line would hide.
 * Specification: the SYSLINUX documentation, "Config"; U-Boot, boot/pxe_utils.c, label_boot().
 * @module
 */
import { changeParameter } from '../command-line.ts';

/** What shall be changed. */
export interface AppendChange {
  readonly name: string;
  /** Undefined takes the parameter away. */
  readonly value: string | undefined;
  /** See ExtlinuxState. */
  readonly isSyslinux: boolean;
}

/** The text after the change, and how far it reaches. */
export interface ChangedAppends {
  readonly text: string;
  /** Whether any label has the parameter now, or would inherit it. */
  readonly isReached: boolean;
  /** Labels of which it is not known where their command line comes from. */
  readonly unknownLabels: readonly string[];
  /** Files that are read besides. */
  readonly included: readonly string[];
}

/** From one LABEL to what ends it; `label` is undefined for what stands outside of all. */
interface Section {
  readonly label: string | undefined;
  readonly lines: string[];
}

/** What a label without an APPEND of its own has. */
type Inherited = 'nothing' | 'parameter' | 'unknown';

const APPEND = /^([ \t]*append)(?:[ \t]+(.*?))?[ \t]*(\r?)$/i;
const KERNEL = /^([ \t]*)(kernel|linux)[ \t]+(\S+).*?(\r?)$/i;
const LABEL = /^\s*label\s+(.*?)\s*$/i;
/** After these, an APPEND is again one for all labels. */
const MENU_BORDER = /^\s*menu\s+(?:begin|end)\b/i;
const INCLUDE = /^\s*(?:menu\s+)?include\s+(\S+)/i;
/** What KERNEL may name is told by the suffix; LINUX names nothing else. */
const NO_KERNEL = /\.(?:c32|com|bss|bin|img|0)$/i;

/** Each label gets the parameter, or loses it. */
export function changeAppends(text: string, change: AppendChange): ChangedAppends {
  const lines: string[] = [];
  const unknownLabels: string[] = [];
  let inherited: Inherited = change.isSyslinux ? 'nothing' : 'unknown';
  let isReached = false;
  for (const section of sectionsOf(text)) {
    // What is included may have an APPEND for this label and for those after it, and may end within one of its own.
    if (section.lines.some((line) => INCLUDE.test(line))) inherited = 'unknown';
    const hasOwn = section.lines.some((line) => APPEND.test(line));
    const changed = section.lines.flatMap((line) => changeLine(line, section, change, inherited));
    const isBare = section.label !== undefined && startsKernel(section, change) && !hasOwn;
    const isInserted = isBare && inherited === 'nothing' && change.value !== undefined;
    lines.push(...(isInserted ? withAppend(changed, `${change.name}=${change.value}`) : changed));
    if (isBare && inherited === 'unknown') unknownLabels.push(section.label);
    if (section.label === undefined && hasOwn && inherited === 'nothing') inherited = 'parameter';
    isReached ||= isInserted || inherited === 'parameter' || (hasOwn && startsKernel(section, change));
  }
  const included = text.split('\n').flatMap((line) => INCLUDE.exec(line)?.[1] ?? []);
  return { text: lines.join('\n'), isReached, unknownLabels, included };
}

function sectionsOf(text: string): Section[] {
  const sections: Section[] = [{ label: undefined, lines: [] }];
  for (const line of text.split('\n')) {
    const label = LABEL.exec(line)?.[1];
    if (label !== undefined || MENU_BORDER.test(line)) sections.push({ label, lines: [] });
    sections.at(-1)!.lines.push(line);
  }
  return sections;
}

/** The line after the change; none where nothing is left of it and nothing is lost by that. */
function changeLine(line: string, { label }: Section, change: AppendChange, inherited: Inherited): string[] {
  const [whole, key = '', options = '', end = ''] = APPEND.exec(line) ?? [];
  if (whole === undefined) return [line];
  const before = options === '-' ? '' : options;
  const after = changeParameter(before, change.name, change.value);
  if (after === before) return [line];
  if (after !== '') return [`${key} ${after}${end}`];
  return label !== undefined && inherited === 'nothing' ? [] : [`${key} -${end}`];
}

function startsKernel({ lines }: Section, { isSyslinux }: AppendChange): boolean {
  const [, , keyword, image] =
    lines.map((line) => KERNEL.exec(line)).findLast((match) => match !== null) ?? [];
  if (keyword === undefined || image === undefined) return false;
  return !isSyslinux || keyword.toLowerCase() === 'linux' || !NO_KERNEL.test(image);
}

/** `lines` with an APPEND after the image's, written like that. */
function withAppend(lines: readonly string[], options: string): string[] {
  const place = lines.findIndex((line) => KERNEL.test(line));
  const [, indent = '', keyword = '', , end = ''] = KERNEL.exec(lines[place] ?? '') ?? [];
  const key = keyword === keyword.toUpperCase() ? 'APPEND' : 'append';
  return lines.toSpliced(place + 1, 0, `${indent}${key} ${options}${end}`);
}

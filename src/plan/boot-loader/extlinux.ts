/**
 * extlinux.conf, as SYSLINUX and U-Boot read it: parameters in the labels' APPEND lines, the default in DEFAULT. Where
 * Debian's u-boot-update writes the file, /etc/default/u-boot gets the parameters, too.
 * Specification: the SYSLINUX documentation, "Config"; u-boot-update(8).
 * @module
 */
import { KhopError } from '../../error.ts';
import type { ExtlinuxState } from '../../kernels/boot-loader-state.ts';
import type { BootLoaderStep } from '../../machine/boot-loader/boot-loader-step.ts';
import type { BootLoaderPlan, PermanentParameter } from './boot-loader-plan.ts';
import { type ChangedAppends, changeAppends } from './extlinux-append.ts';
import { shellBlock, withParameterLine, withShellBlock } from './shell-block.ts';

const VARIABLE = 'U_BOOT_PARAMETERS';
/** What u-boot-update takes when nobody has said anything. */
const USUAL_PARAMETERS = 'ro quiet';

/**
 * Every label's APPEND, and what u-boot-update reads.
 * @throws E_UNSUPPORTED when no label would get a parameter
 */
export function extlinuxParameters(
  state: ExtlinuxState,
  parameters: readonly PermanentParameter[],
): BootLoaderPlan {
  const { config, isSyslinux } = state;
  const before = config.text ?? '';
  const notes: string[] = [];
  let text = before;
  for (const { name, value } of parameters) {
    const changed = changeAppends(text, { name, value, isSyslinux });
    if (value !== undefined && !changed.isReached && !isGenerated(state))
      throw new KhopError('E_UNSUPPORTED', `no label of ${config.path} has an APPEND that can get ${name}=`, {
        hint: `Write an APPEND with its whole command line and ${name}=${value} into each label, by hand.`,
      });
    if (value !== undefined) notes.push(...notReached(changed, name));
    ({ text } = changed);
  }
  const steps = isGenerated(state) ? settingSteps(state, parameters) : [];
  if (text !== before) steps.push({ kind: 'file', path: config.path, before: config.text, after: text });
  return { steps, notes };
}

/** A step, unless nothing changes. */
function settingSteps(
  { defaults }: ExtlinuxState,
  parameters: readonly PermanentParameter[],
): BootLoaderStep[] {
  const before = defaults.text ?? '';
  const lines = parameters.reduce((all, { name, value }) => {
    const line = `${VARIABLE}="\${${VARIABLE}:-${USUAL_PARAMETERS}} ${name}=${value}"`;
    return withParameterLine(all, name, value === undefined ? undefined : line);
  }, shellBlock(before));
  const after = withShellBlock(before, lines);
  if (after === before) return [];
  return [
    { kind: 'file', path: defaults.path, before: defaults.text, after: after === '' ? undefined : after },
  ];
}

function notReached({ unknownLabels, included }: ChangedAppends, name: string): string[] {
  return [
    ...unknownLabels.map(
      (label) => `Label ${label} has no APPEND of its own; whether it gets ${name}= is not known.`,
    ),
    ...included.map((path) => `${path} is included and stays as it is; see whether its labels get ${name}=.`),
  ];
}

/** The label with MENU DEFAULT, else what DEFAULT names; undefined: the first one. */
export function extlinuxDefaultEntry({ config }: ExtlinuxState): string | undefined {
  const lines = (config.text ?? '').split('\n');
  const marked = lines.findIndex((line) => MENU_DEFAULT.test(line));
  const inMenu = lines.slice(0, Math.max(0, marked)).findLast((line) => labelOf(line) !== undefined);
  return labelOf(inMenu ?? '') ?? nameIn(lines.find(isDefault) ?? '');
}

/** `entry`, a label, starts by itself: DEFAULT names it or, where that names the menu's program, MENU DEFAULT marks it. */
export function extlinuxDefault(state: ExtlinuxState, entry: string): BootLoaderPlan {
  const text = state.config.text ?? '';
  // MENU DEFAULT and ONTIMEOUT count before DEFAULT.
  const lines = text
    .split('\n')
    .filter((line) => !MENU_DEFAULT.test(line) && !/^\s*ontimeout\s/i.test(line))
    .filter((line, index, all) => !isDefault(line) || index === all.findIndex(isDefault));
  const place = lines.findIndex(isDefault);
  const line = `default ${entry}`;
  const isMenu = place >= 0 && MENU_PROGRAM.test(nameIn(lines[place] ?? '') ?? '');
  const after = (
    isMenu ? markLabel(lines, entry) : place < 0 ? [line, ...lines] : lines.with(place, line)
  ).join('\n');
  const notes = isGenerated(state)
    ? [
        'u-boot-update numbers its labels by age and writes the default anew with every kernel that is installed: check it then.',
      ]
    : [];
  return {
    steps:
      after === text ? [] : [{ kind: 'file', path: state.config.path, before: state.config.text, after }],
    notes,
  };
}

const MENU_DEFAULT = /^\s*menu\s+default\s*$/i;
/** A module of SYSLINUX that shows the menu, e.g. menu.c32; Alpine's DEFAULT names it. */
const MENU_PROGRAM = /\.c32$/i;

function isDefault(line: string): boolean {
  return /^\s*default\s/i.test(line);
}

function nameIn(line: string): string | undefined {
  return /^\s*default\s+(\S+)/i.exec(line)?.[1];
}

function labelOf(line: string): string | undefined {
  return /^\s*label\s+(.*?)\s*$/i.exec(line)?.[1];
}

function markLabel(lines: readonly string[], entry: string): readonly string[] {
  const at = lines.findIndex((line) => labelOf(line)?.toLowerCase() === entry.toLowerCase());
  return at < 0 ? lines : lines.toSpliced(at + 1, 0, '  MENU DEFAULT');
}

function isGenerated({ config }: ExtlinuxState): boolean {
  return /^#.*u-boot-update/m.test(config.text ?? '');
}

/**
 * GRUB: parameters in khop's own file of /etc/default/grub.d (Debian) or at the end of /etc/default/grub, from
 * which grub.cfg is generated anew; the default in grubenv.
 * Specification: GNU GRUB manual 2.12, "Simple configuration handling" and "The GRUB environment block".
 *
 * Only GRUB's own writing of grubenv fails where it has no driver for writing (btrfs, LVM, RAID, ZFS). What
 * Linux writes there it reads everywhere, so the default entry works on all of them; grub-reboot's one-shot
 * entry, which GRUB has to delete, does not.
 * @module
 */
import { KhopError } from '../../error.ts';
import { changeEnvironmentBlock, parseEnvironmentBlock } from '../../formats/grub-environment.ts';
import type { GrubState } from '../../kernels/boot-loader-state.ts';
import { parseShellAssignments } from '../../kernels/default-command-line.ts';
import type { BootLoaderStep } from '../../machine/boot-loader/boot-loader-step.ts';
import { commandLineValue } from '../command-line.ts';
import type { BootLoaderPlan, PermanentParameter } from './boot-loader-plan.ts';
import { quoteForShell, shellBlock, withParameterLine, withShellBlock } from './shell-block.ts';

/** Last of the folder in any order of names that people give, because the last value of a parameter counts. */
const DROP_IN = '/etc/default/grub.d/zz-khop.cfg';
const VARIABLE = 'GRUB_CMDLINE_LINUX_DEFAULT';

/** @throws E_UNSUPPORTED without a way to generate grub.cfg */
export function grubParameters(state: GrubState, parameters: readonly PermanentParameter[]): BootLoaderPlan {
  if (state.hasGrubby)
    return { steps: parameters.flatMap((parameter) => grubbyParameter(state, parameter)), notes: [] };
  const before = shellBlock(ownFile(state).text ?? '');
  const lines = parameters.reduce((all, { name, value }) => {
    const line = `${VARIABLE}="$${VARIABLE} ${name}=${quoteForShell(value ?? '')}"`;
    return withParameterLine(all, name, value === undefined ? undefined : line);
  }, before);
  const notes = parameters.flatMap(({ name }) => otherPlaces(state, name));
  return { steps: settingSteps(state, lines), notes };
}

/** @throws E_UNSUPPORTED, E_PLAN when grubenv is full */
export function grubDefault(state: GrubState, entry: string): BootLoaderPlan {
  const { environment } = state;
  const values = parseEnvironmentBlock(environment.text ?? '');
  const changes = new Map<string, string | undefined>([
    ['saved_entry', entry],
    // What grub-reboot left would start first, and then bring an older default back.
    ['next_entry', undefined],
    ['prev_saved_entry', undefined],
  ]);
  const isSet = [...changes].every(([name, value]) => (values.get(name) || undefined) === value);
  const steps: BootLoaderStep[] = [];
  if (!isSet) steps.push(environmentStep(state, values, changes));
  if (!takesSaved(state)) {
    const lines = shellBlock(ownFile(state).text ?? '').filter((line) => !line.startsWith('GRUB_DEFAULT='));
    steps.push(...settingSteps(state, [...lines, 'GRUB_DEFAULT=saved']));
  }
  return { steps, notes: savedByGrub(state) };
}

/** The saved entry where grub.cfg asks for it, else what GRUB_DEFAULT says; undefined: the first of the menu. */
export function grubDefaultEntry(state: GrubState): string | undefined {
  if (takesSaved(state)) return parseEnvironmentBlock(state.environment.text ?? '').get('saved_entry');
  return settings(state).get('GRUB_DEFAULT');
}

/** What grub-reboot has set; undefined: nothing. */
export function grubOneShotEntry({ environment }: GrubState): string | undefined {
  return parseEnvironmentBlock(environment.text ?? '').get('next_entry') || undefined;
}

function takesSaved({ config }: GrubState): boolean {
  return /^\s*set default="?\$\{?saved_entry\}?"?\s*$/m.test(config.text ?? '');
}

/** What grub-mkconfig would read, as far as it is plain text. */
function settings(state: GrubState): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const { text } of [state.defaults, ...(state.dropIns ?? [])])
    parseShellAssignments(text ?? '', values);
  return values;
}

/** GRUB 2.14 and openSUSE keep the variables in raw blocks of a btrfs; only the tool knows how. */
function environmentStep(
  { environment, mkconfig }: GrubState,
  values: ReadonlyMap<string, string>,
  changes: ReadonlyMap<string, string | undefined>,
): BootLoaderStep {
  const before = environment.text;
  if (!values.has('env_block'))
    return {
      kind: 'file',
      path: environment.path,
      before,
      after: changeEnvironmentBlock(before ?? '', changes),
    };
  const tool = mkconfig?.startsWith('grub2') ? 'grub2-editenv' : 'grub-editenv';
  const previous = values.get('saved_entry');
  return {
    kind: 'run',
    command: [tool, '-', 'set', `saved_entry=${changes.get('saved_entry')}`],
    undo:
      previous === undefined
        ? [tool, '-', 'unset', 'saved_entry']
        : [tool, '-', 'set', `saved_entry=${previous}`],
  };
}

/** The file that khop's lines are in. */
function ownFile(state: GrubState): { readonly path: string; readonly text: string | undefined } {
  if (state.dropIns === undefined) return state.defaults;
  return state.dropIns.find(({ path }) => path === DROP_IN) ?? { path: DROP_IN, text: undefined };
}

/** khop's lines become `lines`, and grub.cfg is generated from them. @throws E_UNSUPPORTED */
function settingSteps(state: GrubState, lines: readonly string[]): BootLoaderStep[] {
  const { path, text } = ownFile(state);
  const after = withShellBlock(text ?? '', lines);
  const isEmpty = after === '' && (text === undefined || path === DROP_IN);
  if (after === (text ?? '')) return [];
  if (state.mkconfig === undefined)
    throw new KhopError(
      'E_UNSUPPORTED',
      `grub-mkconfig is not installed, so ${state.config.path} cannot be made`,
      {
        hint: 'Somebody else writes this configuration; set the parameter or the default there.',
      },
    );
  return [
    { kind: 'file', path, before: text, after: isEmpty ? undefined : after },
    { kind: 'generate', path: state.config.path, command: [state.mkconfig, '-o'] },
  ];
}

/** grubby changes the entries, and /etc/default/grub or /etc/kernel/cmdline for those to come. A step, unless nothing changes. */
function grubbyParameter(state: GrubState, { name, value }: PermanentParameter): BootLoaderStep[] {
  const values = parseEnvironmentBlock(state.environment.text ?? '');
  const defaults = new Map<string, string>();
  parseShellAssignments(state.defaults.text ?? '', defaults);
  const before =
    commandLineValue(values.get('kernelopts') ?? '', name) ??
    commandLineValue(defaults.get('GRUB_CMDLINE_LINUX') ?? '', name);
  if (before === value) return [];
  const set = (to: string | undefined): string[] => [
    'grubby',
    '--update-kernel=ALL',
    to === undefined ? `--remove-args=${name}` : `--args=${name}=${to}`,
  ];
  return [{ kind: 'run', command: set(value), undo: set(before) }];
}

/** Where else `name` is set: of several values the kernel may not take khop's. */
function otherPlaces(state: GrubState, name: string): string[] {
  return [state.defaults, ...(state.dropIns ?? [])]
    .filter(({ text }) => new RegExp(`^[^#\n]*[\\s"']${name}=`, 'm').test(withShellBlock(text ?? '', [])))
    .map(({ path }) => `${path} sets ${name}, too; khop's own comes after it.`);
}

function savedByGrub(state: GrubState): string[] {
  return settings(state).get('GRUB_SAVEDEFAULT') === 'true'
    ? ['GRUB_SAVEDEFAULT=true: whoever chooses another entry in the menu changes the default.']
    : [];
}

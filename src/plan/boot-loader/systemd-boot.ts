/**
 * systemd-boot: parameters in the entries' options and in /etc/kernel/cmdline, from which kernel-install takes
 * those of the next kernel; the default in loader.conf, or, when it is set, in the EFI variable that counts more.
 * Specification: loader.conf(5), kernel-install(8), UAPI.1 Boot Loader Specification.
 * @module
 */
import { KhopError } from '../../error.ts';
import { parseLoaderConf } from '../../kernels/boot-entry.ts';
import type { StateFile, SystemdBootState } from '../../kernels/boot-loader-state.ts';
import type { BootLoaderStep } from '../../machine/boot-loader/boot-loader-step.ts';
import { changeParameter } from '../command-line.ts';
import type { BootLoaderPlan, PermanentParameter } from './boot-loader-plan.ts';

/** @throws E_UNSUPPORTED when all kernels are unified images */
export function systemdBootParameters(
  state: SystemdBootState,
  parameters: readonly PermanentParameter[],
): BootLoaderPlan {
  const words = parameters.map(({ name, value }) => `${name}=${value ?? ''}`).join(' ');
  if (state.entries.length === 0)
    throw new KhopError('E_UNSUPPORTED', 'the kernels have their command lines inside (unified images)', {
      hint: `Put ${words} into an addon in loader/addons (ukify build --cmdline), or build the images anew.`,
    });
  const each = (text: string, edit: (text: string, parameter: PermanentParameter) => string): string =>
    parameters.reduce(edit, text);
  const entries = state.entries.flatMap((file) => change(file, (text) => each(text, changeOptions)));
  const commandLine = state.kernelCommandLine;
  const future =
    commandLine.text === undefined
      ? []
      : change(commandLine, (text) =>
          text.replace(/^[^\n]*/, (first) =>
            each(first, (line, { name, value }) => changeParameter(line, name, value)),
          ),
        );
  const names = parameters.map(({ name }) => `${name}=`).join(' and ');
  const notes = [
    ...(commandLine.text === undefined
      ? [`There is no ${commandLine.path}: a kernel installed later takes the running command line.`]
      : []),
    ...state.unifiedImages.map((path) => `${path} has its command line inside; it does not get ${names}.`),
  ];
  return { steps: [...entries, ...future], notes };
}

/** The entry's id, or a pattern of ids; undefined: the first of the menu. */
export function systemdBootDefaultEntry(state: SystemdBootState): string | undefined {
  return state.entryDefault ?? parseLoaderConf(state.loaderConf.text ?? '')[0];
}

/** @param entry its id, with `.conf` or `.efi` */
export function systemdBootDefault(state: SystemdBootState, entry: string): BootLoaderPlan {
  const preferred = /^\s*preferred\s+(\S+)/m.exec(state.loaderConf.text ?? '')?.[1];
  const isSaved =
    state.entryDefault === undefined && /^\s*default\s+@saved\s*$/m.test(state.loaderConf.text ?? '');
  const notes = [
    ...(preferred === undefined ? [] : [`loader.conf prefers ${preferred}, which counts more.`]),
    ...(isSaved ? ['loader.conf had @saved as its default: the entry that was started last.'] : []),
  ];
  const lasting =
    state.entryDefault === undefined
      ? change(state.loaderConf, (text) => changeDefault(text, entry))
      : setVariable('set-default', state.entryDefault, entry);
  // What was chosen for the next start alone would start before the default.
  const { entryOneShot } = state;
  const once =
    entryOneShot === undefined || entryOneShot === entry ? [] : setVariable('set-oneshot', entryOneShot, '');
  return { steps: [...lasting, ...once], notes };
}

/** A step, unless nothing changes. An empty id takes the variable away (bootctl(1)). */
function setVariable(verb: 'set-default' | 'set-oneshot', before: string, after: string): BootLoaderStep[] {
  if (before === after) return [];
  return [{ kind: 'run', command: ['bootctl', verb, after], undo: ['bootctl', verb, before] }];
}

/** A step, unless nothing changes. */
function change(file: StateFile, edit: (text: string) => string): BootLoaderStep[] {
  const after = edit(file.text ?? '');
  return after === file.text ? [] : [{ kind: 'file', path: file.path, before: file.text, after }];
}

/** The parameter goes into the last options line; all of them lose an earlier value. */
function changeOptions(text: string, { name, value }: PermanentParameter): string {
  const lines = text.split('\n');
  const isOptions = (line: string): boolean => /^\s*options\s/.test(line);
  const last = lines.findLastIndex(isOptions);
  if (last < 0 && value !== undefined) return `${text.replace(/\n?$/, '\n')}options ${name}=${value}\n`;
  const changed = lines.map((line, index) => {
    if (!isOptions(line)) return line;
    const [, key = '', options = '', end = ''] = /^(\s*options\s+)(.*?)(\s*)$/.exec(line) ?? [];
    const after = changeParameter(options, name, index === last ? value : undefined);
    return after === options ? line : `${key}${after}${end}`;
  });
  return changed.join('\n');
}

function changeDefault(text: string, entry: string): string {
  const line = `default ${entry}`;
  const lines = text.split('\n');
  const last = lines.findLastIndex((one) => /^\s*default\s/.test(one));
  if (last < 0) return `${text === '' ? '' : text.replace(/\n?$/, '\n')}${line}\n`;
  if (/^\s*default\s+(\S+)\s*$/.exec(lines[last] ?? '')?.[1] === entry) return text;
  return lines.with(last, line).join('\n');
}

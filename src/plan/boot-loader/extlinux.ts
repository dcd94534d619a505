/**
 * extlinux.conf, as SYSLINUX and U-Boot read it: parameters in each APPEND line, the default in DEFAULT. Where
 * Debian's u-boot-update writes the file, /etc/default/u-boot gets the parameters, too.
 * Specification: the SYSLINUX documentation, "Config"; u-boot-update(8).
 * @module
 */
import type { ExtlinuxState } from '../../kernels/boot-loader-state.ts';
import type { BootLoaderStep } from '../../machine/boot-loader/boot-loader-step.ts';
import { changeParameter } from '../command-line.ts';
import type { BootLoaderPlan } from './boot-loader-plan.ts';
import { shellBlock, withShellBlock } from './shell-block.ts';

const VARIABLE = 'U_BOOT_PARAMETERS';
/** What u-boot-update takes when nobody has said anything. */
const USUAL_PARAMETERS = 'ro quiet';

/** Every label's APPEND, and what u-boot-update reads. */
export function extlinuxParameter(
  state: ExtlinuxState,
  name: string,
  value: string | undefined,
): BootLoaderPlan {
  const { config, defaults } = state;
  const text = config.text ?? '';
  const after = text.replace(/^([ \t]*append[ \t]+)(.*)$/gim, (line, key: string, options: string) => {
    if (options.trim() === '-') return line;
    const changed = changeParameter(options, name, value);
    return changed === options ? line : `${key}${changed}`;
  });
  const steps: BootLoaderStep[] = [];
  if (isGenerated(state)) {
    const lines = shellBlock(defaults.text ?? '').filter((line) => !line.includes(` ${name}=`));
    const set = `${VARIABLE}="\${${VARIABLE}:-${USUAL_PARAMETERS}} ${name}=${value}"`;
    const settings = withShellBlock(defaults.text ?? '', value === undefined ? lines : [...lines, set]);
    if (settings !== (defaults.text ?? ''))
      steps.push({
        kind: 'file',
        path: defaults.path,
        before: defaults.text,
        after: settings === '' ? undefined : settings,
      });
  }
  if (after !== text) steps.push({ kind: 'file', path: config.path, before: config.text, after });
  return { steps, notes: [] };
}

/** The label that DEFAULT names; undefined: the first one. */
export function extlinuxDefaultEntry({ config }: ExtlinuxState): string | undefined {
  return /^\s*default\s+(\S+)/im.exec(config.text ?? '')?.[1];
}

/** DEFAULT names `entry`, a label. */
export function extlinuxDefault(state: ExtlinuxState, entry: string): BootLoaderPlan {
  const text = state.config.text ?? '';
  // MENU DEFAULT and ONTIMEOUT count before DEFAULT.
  const lines = text
    .split('\n')
    .filter((line) => !/^\s*(?:menu\s+default|ontimeout\s.*)\s*$/i.test(line))
    .filter((line, index, all) => !isDefault(line) || index === all.findIndex(isDefault));
  const place = lines.findIndex(isDefault);
  const line = `default ${entry}`;
  const after = (place < 0 ? [line, ...lines] : lines.with(place, line)).join('\n');
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

function isDefault(line: string): boolean {
  return /^\s*default\s/i.test(line);
}

function isGenerated({ config }: ExtlinuxState): boolean {
  return /^#.*u-boot-update/m.test(config.text ?? '');
}

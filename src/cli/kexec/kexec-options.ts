/**
 * The options of kexec-tools' kexec(8), with its getopt_long rules: short options may be bundled, long ones
 * abbreviated while unambiguous, the last of several actions and of several system call choices counts.
 * @module
 */
import { KhopError } from '../../error.ts';

/** How an option is written and what becomes of it. */
interface OptionRule {
  readonly short?: string;
  readonly takesValue?: true;
  /**
   * `ignore`: asks for what khop does anyway, or for less than it does. `refuse`: khop does not do it, and
   * doing something else in its place would be wrong.
   */
  readonly fate?: 'ignore' | 'refuse';
}

/** Every long option of kexec-tools 2.0.25 to 2.0.32 on x86_64 and arm64. */
export const KEXEC_OPTIONS = {
  help: { short: 'h' },
  version: { short: 'v' },
  load: { short: 'l' },
  exec: { short: 'e' },
  force: { short: 'f' },
  'load-panic': { short: 'p' },
  unload: { short: 'u' },
  status: { short: 'S' },
  'kexec-file-syscall': { short: 's' },
  'kexec-syscall': { short: 'c' },
  'kexec-syscall-auto': { short: 'a' },
  debug: { short: 'd' },
  'no-ifdown': { short: 'x' },
  'no-sync': { short: 'y' },
  'print-ckr-size': {},
  append: { takesValue: true },
  'command-line': { takesValue: true },
  'reuse-cmdline': {},
  initrd: { takesValue: true },
  ramdisk: { takesValue: true },
  dtb: { takesValue: true },
  type: { short: 't', takesValue: true },
  'no-checks': { short: 'i', fate: 'ignore' },
  'args-linux': { fate: 'ignore' },
  'reset-vga': { fate: 'ignore' },
  'console-vga': { fate: 'ignore' },
  'console-serial': { fate: 'ignore' },
  serial: { takesValue: true, fate: 'ignore' },
  'serial-baud': { takesValue: true, fate: 'ignore' },
  'reuse-video-type': { fate: 'ignore' },
  hotplug: { fate: 'ignore' },
  'no-cma': { fate: 'ignore' },
  reuseinitrd: { fate: 'refuse' },
  'mem-min': { takesValue: true, fate: 'refuse' },
  'mem-max': { takesValue: true, fate: 'refuse' },
  entry: { takesValue: true, fate: 'refuse' },
  'load-preserve-context': { fate: 'refuse' },
  'load-jump-back-helper': { fate: 'refuse' },
  'load-live-update': { fate: 'refuse' },
  'exec-live-update': { fate: 'refuse' },
  'real-mode': { fate: 'refuse' },
  'entry-32bit': { fate: 'refuse' },
  'args-elf': { fate: 'refuse' },
  'args-none': { fate: 'refuse' },
  module: { takesValue: true, fate: 'refuse' },
  'pass-memmap-cmdline': { fate: 'refuse' },
  noefi: { fate: 'refuse' },
  'elf32-core-headers': { fate: 'refuse' },
  'elf64-core-headers': { fate: 'ignore' },
  'force-dtb': { fate: 'refuse' },
} as const satisfies Record<string, OptionRule>;

type OptionName = keyof typeof KEXEC_OPTIONS;

/** One option as it was given. */
interface GivenOption {
  readonly name: OptionName;
  readonly value: string;
}

/** What a command line of kexec asks for. */
export interface KexecRequest {
  /** `load-and-reboot` is kexec without any action: load, then an orderly reboot. */
  readonly action:
    | 'help'
    | 'version'
    | 'load'
    | 'load-panic'
    | 'unload'
    | 'unload-panic'
    | 'exec'
    | 'force'
    | 'status'
    | 'print-ckr-size'
    | 'load-and-reboot';
  readonly statusSlot: 'normal' | 'crash';
  readonly method: 'auto' | 'file' | 'segments';
  readonly kernel: string | undefined;
  readonly commandLine: string | undefined;
  readonly reuseCommandLine: boolean;
  readonly append: string | undefined;
  readonly initrd: string | undefined;
  readonly dtb: string | undefined;
  readonly isDebug: boolean;
  readonly sync: boolean;
  /** Take network interfaces down before a jump. */
  readonly ifdown: boolean;
  /** Options that are accepted without effect, for the debug output. */
  readonly ignored: readonly string[];
}

/** @throws E_USAGE for what is unknown, ambiguous, lacks its value, or is refused by name */
export function parseKexecOptions(argv: readonly string[]): KexecRequest {
  const { given, operands } = splitArguments(argv);
  for (const { name } of given)
    if (fateOf(name) === 'refuse')
      throw usage(`--${name} is not supported`, `khop loads without it; see khop(8), "kexec compatibility".`);
  const has = (name: OptionName) => given.some((option) => option.name === name);
  const last = (...names: OptionName[]) => given.findLast((option) => names.includes(option.name))?.value;
  const call = given.findLast(({ name }) => name.startsWith('kexec-') && name.includes('syscall'))?.name;
  return {
    action: actionOf(given, operands.length > 0),
    statusSlot: has('load') ? 'normal' : 'crash',
    method: call === 'kexec-file-syscall' ? 'file' : call === 'kexec-syscall' ? 'segments' : 'auto',
    kernel: operands[0],
    commandLine: last('append', 'command-line'),
    reuseCommandLine: has('reuse-cmdline'),
    append: has('reuse-cmdline') ? last('append', 'command-line') : undefined,
    initrd: last('initrd', 'ramdisk'),
    dtb: last('dtb'),
    isDebug: has('debug'),
    sync: !has('no-sync'),
    ifdown: !has('no-ifdown'),
    ignored: given.filter(({ name }) => fateOf(name) === 'ignore').map(({ name }) => `--${name}`),
  };
}

/** Those of which the last one counts: each takes back what the ones before it asked for. */
const ACTIONS = ['load', 'load-panic', 'unload', 'exec', 'force'] as const satisfies readonly OptionName[];

type Action = (typeof ACTIONS)[number];

function actionOf(given: readonly GivenOption[], hasKernel: boolean): KexecRequest['action'] {
  const has = (wanted: OptionName) => given.some(({ name }) => name === wanted);
  if (has('help')) return 'help';
  if (has('version')) return 'version';
  if (has('status')) return 'status';
  if (has('print-ckr-size')) return 'print-ckr-size';
  const isAction = (name: OptionName): name is Action => ACTIONS.some((one) => one === name);
  const last = given.map(({ name }) => name).findLast(isAction);
  // Which slot it is about stays, whatever follows.
  const isPanic = has('load-panic');
  if (last === undefined) return 'load-and-reboot';
  if (last === 'exec') return 'exec';
  if (last === 'unload' || (has('unload') && !hasKernel)) return isPanic ? 'unload-panic' : 'unload';
  return isPanic ? 'load-panic' : last;
}

function fateOf(name: OptionName): OptionRule['fate'] {
  return (KEXEC_OPTIONS[name] as OptionRule).fate;
}

function splitArguments(argv: readonly string[]): { given: GivenOption[]; operands: string[] } {
  const given: GivenOption[] = [];
  const operands: string[] = [];
  const rest = [...argv];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') operands.push(...rest.splice(0));
    else if (word.startsWith('--')) given.push(readLong(word.slice(2), rest));
    else if (word.startsWith('-') && word.length > 1) given.push(...readShort(word.slice(1), rest));
    else operands.push(word);
  }
  if (operands.length > 1)
    throw usage(`more than one kernel: ${operands.join(' ')}`, 'Give one kernel image.');
  return { given, operands };
}

function readLong(word: string, rest: string[]): GivenOption {
  const equals = word.indexOf('=');
  const text = equals < 0 ? word : word.slice(0, equals);
  const names = Object.keys(KEXEC_OPTIONS) as OptionName[];
  const matches = names.includes(text as OptionName)
    ? [text as OptionName]
    : names.filter((name) => name.startsWith(text));
  const [name] = matches;
  if (name === undefined || text === '') throw usage(`unknown option --${text}`, 'See kexec --help.');
  if (matches.length > 1)
    throw usage(`--${text} is ambiguous: --${matches.join(', --')}`, 'Write the option in full.');
  const takesValue = (KEXEC_OPTIONS[name] as OptionRule).takesValue === true;
  if (!takesValue && equals >= 0) throw usage(`--${name} takes no value`, 'Remove what follows the "=".');
  return {
    name,
    value: takesValue ? (equals < 0 ? nextValue(`--${name}`, rest) : word.slice(equals + 1)) : '',
  };
}

function readShort(letters: string, rest: string[]): GivenOption[] {
  const given: GivenOption[] = [];
  for (let index = 0; index < letters.length; index++) {
    const letter = letters[index]!;
    const found = Object.entries(KEXEC_OPTIONS).find(([, rule]) => (rule as OptionRule).short === letter);
    if (found === undefined) throw usage(`unknown option -${letter}`, 'See kexec --help.');
    const [name, rule] = found as [OptionName, OptionRule];
    if (!rule.takesValue) {
      given.push({ name, value: '' });
      continue;
    }
    const attached = letters.slice(index + 1);
    given.push({ name, value: attached === '' ? nextValue(`-${letter}`, rest) : attached });
    break;
  }
  return given;
}

function nextValue(option: string, rest: string[]): string {
  const value = rest.shift();
  if (value === undefined) throw usage(`${option} needs a value`, 'See kexec --help.');
  return value;
}

function usage(message: string, hint: string): KhopError {
  return new KhopError('E_USAGE', `kexec: ${message}`, { hint });
}

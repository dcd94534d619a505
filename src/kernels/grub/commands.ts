/**
 * The commands of GRUB that decide what a menu holds and what an entry starts.
 * Specification: GNU GRUB manual 2.12, "Available commands"; blscfg: the Fedora patch of that name.
 * @module
 */

import { parseEnvironmentBlock } from '../../formats/grub-environment.ts';
import { fileKind, OpenFile } from '../root-folder.ts';
import { evaluateCondition, type FileTests } from './condition.ts';
import { locateGrubPath, qualifyPath, searchFile } from './devices.ts';
import { addMenuItem, charge, type Evaluation } from './evaluation.ts';
import { matchRegexp, PROGRAM_LIMIT } from './posix-regexp.ts';

/** Returns the exit status: whether the command succeeded. */
export type BuiltIn = (evaluation: Evaluation, args: readonly string[]) => boolean;

function variable(evaluation: Evaluation, name: string): string {
  return evaluation.variables.values.get(name) ?? '';
}

function qualified(evaluation: Evaluation, path: string): string {
  return qualifyPath(path, variable(evaluation, 'root'));
}

/** `name=value`, or nothing when `text` is no assignment. */
export function assign(evaluation: Evaluation, text: string): boolean {
  const equals = text.indexOf('=');
  if (equals <= 0) return false;
  evaluation.variables.values.set(text.slice(0, equals), text.slice(equals + 1));
  return true;
}

/** Looking for a file costs some system calls: as much as so many characters. */
export const FILE_COST = 4096;

function fileTests(evaluation: Evaluation): FileTests {
  const find = (path: string): string | undefined => {
    charge(evaluation, FILE_COST);
    const location = locateGrubPath(evaluation.system, qualified(evaluation, path));
    return location.state === 'found' ? location.path : undefined;
  };
  const { root } = evaluation.system;
  return {
    kind: (path) => {
      const found = find(path);
      const kind = found === undefined ? 'absent' : fileKind(root, found);
      return kind === 'other' ? 'absent' : kind;
    },
    size: (path) => {
      const found = find(path);
      if (found === undefined) return 0;
      using file = OpenFile.open(root, found);
      return file.size;
    },
  };
}

const test: BuiltIn = (evaluation, args) => evaluateCondition(args, fileTests(evaluation));

const loadEnvironment: BuiltIn = (evaluation, args) => {
  const named = args.findIndex((arg) => arg === '-f' || arg === '--file');
  const file =
    args.find((arg) => arg.startsWith('--file='))?.slice('--file='.length) ??
    (named < 0 ? `${variable(evaluation, 'prefix')}/grubenv` : args[named + 1]) ??
    '';
  const wanted = args.filter((arg, index) => !arg.startsWith('-') && (named < 0 || index !== named + 1));
  const text = evaluation.system.readText(qualified(evaluation, file));
  if (text === undefined) return false;
  charge(evaluation, text.length);
  for (const [name, value] of parseEnvironmentBlock(text))
    if (wanted.length === 0 || wanted.includes(name)) evaluation.variables.values.set(name, value);
  return true;
};

const SEARCH_KINDS = new Map(
  Object.entries({
    '-u': 'UUID',
    '--fs-uuid': 'UUID',
    '-l': 'LABEL',
    '--label': 'LABEL',
    '--fs-label': 'LABEL',
    '-p': 'PARTUUID',
    '--part-uuid': 'PARTUUID',
    '-f': 'FILE',
    '--file': 'FILE',
    'search.fs_uuid': 'UUID',
    'search.fs_label': 'LABEL',
    'search.file': 'FILE',
    'search.part_uuid': 'PARTUUID',
  }),
);

/** A device is kept by the name it is searched by: only the file system table can say where it is. */
function found(evaluation: Evaluation, kind: string, value: string, target: string): boolean {
  if (kind === 'FILE') charge(evaluation, FILE_COST);
  const device = kind === 'FILE' ? searchFile(evaluation.system, value) : `${kind}=${value}`;
  if (device === undefined) return false;
  evaluation.variables.values.set(target, device);
  return true;
}

const search: BuiltIn = (evaluation, args) => {
  let kind: string | undefined;
  let target: string | undefined;
  let value: string | undefined;
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? '';
    if (SEARCH_KINDS.has(arg)) kind = SEARCH_KINDS.get(arg);
    else if (arg === '-s' || arg === '--set') target = 'root';
    else if (arg.startsWith('--set=')) target = arg.slice('--set='.length);
    else if (arg.startsWith('--hint')) index += arg.includes('=') ? 0 : 1;
    else if (!arg.startsWith('-')) value = arg;
  }
  if (kind === undefined || value === undefined) return false;
  return target === undefined || found(evaluation, kind, value, target);
};

/** `search.fs_uuid VALUE [VARIABLE [HINT ...]]`. */
const searchShort =
  (name: string): BuiltIn =>
  (evaluation, [value, target]) =>
    value !== undefined &&
    (target === undefined || found(evaluation, SEARCH_KINDS.get(name) ?? 'FILE', value, target));

/** As GRUB joins arguments: one with blanks is quoted, quotes and back-slashes are escaped. */
function joinArguments(args: readonly string[]): string {
  return args
    .map((arg) => {
      const escaped = arg.replace(/[\\'"]/g, '\\$&');
      return arg.includes(' ') ? `"${escaped}"` : escaped;
    })
    .join(' ');
}

const linux: BuiltIn = (evaluation, [image, ...args]) => {
  if (image === undefined) return false;
  evaluation.loaded.image = qualified(evaluation, image);
  evaluation.loaded.commandLine = joinArguments(args);
  return true;
};

const initrd: BuiltIn = (evaluation, args) => {
  const made = args.filter((arg) => arg.startsWith('newc:'));
  if (made.length > 0)
    evaluation.loaded.problems.push(`GRUB would pack files into its initrd: ${made.join(' ')}`);
  evaluation.loaded.initrds = args
    .filter((arg) => !arg.startsWith('newc:') && arg !== '--nounzip')
    .map((arg) => qualified(evaluation, arg));
  return true;
};

const deviceTree: BuiltIn = (evaluation, [path]) => {
  evaluation.loaded.deviceTree = path === undefined ? undefined : qualified(evaluation, path);
  return true;
};

/** `regexp [--set [NUMBER:]VARIABLE]... PATTERN TEXT`. */
const regexp: BuiltIn = (evaluation, args) => {
  const targets: string[] = [];
  const plain: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? '';
    if (arg === '--set' || arg === '-s') targets.push(args[++index] ?? '');
    else if (arg.startsWith('--set=')) targets.push(arg.slice('--set='.length));
    else plain.push(arg);
  }
  const [pattern, text] = plain;
  if (pattern === undefined || text === undefined) return false;
  // The time goes with the length of the program that the pattern becomes.
  charge(evaluation, text.length * PROGRAM_LIMIT);
  const groups = matchRegexp(pattern, text);
  if (groups === undefined) return false;
  for (const target of targets) {
    const [, number, name] = /^(?:(\d{1,3}):)?(.+)$/.exec(target) ?? [];
    if (name !== undefined) evaluation.variables.values.set(name, groups[Number(number ?? 1)] ?? '');
  }
  return true;
};

const blscfg: BuiltIn = (evaluation) => {
  const folder = variable(evaluation, 'blsdir') || '/loader/entries';
  const device = variable(evaluation, 'boot') || variable(evaluation, 'root');
  for (const { id, title } of evaluation.system.readBootLoaderEntries(qualifyPath(folder, device))) {
    addMenuItem(evaluation, { kind: 'bls', id, title, positional: [], body: [] });
  }
  return true;
};

/** Fedora's `increment` and `decrement`: a variable as a number. */
const addTo =
  (difference: number): BuiltIn =>
  (evaluation, [name]) => {
    if (name === undefined) return false;
    const value = Number(/^-?\d{1,9}$/.exec(variable(evaluation, name))?.[0] ?? 0);
    evaluation.variables.values.set(name, String(value + difference));
    return true;
  };

const succeed: BuiltIn = () => true;
const refuse: BuiltIn = () => false;

/** An entry that starts something else than Linux has no kernel for the catalogue. */
const startOther =
  (what: string): BuiltIn =>
  (evaluation) => {
    evaluation.loaded.image = undefined;
    evaluation.loaded.problems.push(`starts ${what}`);
    return true;
  };

/** Commands without influence on what the menu holds. */
const WITHOUT_EFFECT = [
  ...['insmod', 'rmmod', 'echo', 'save_env', 'list_env', 'sleep', 'clear', 'cat', 'ls', 'lsmod', 'videoinfo'],
  ...[
    'loadfont',
    'lsfonts',
    'terminal',
    'terminal_input',
    'terminal_output',
    'serial',
    'play',
    'boot',
    'nativedisk',
  ],
  ...[
    'background_color',
    'background_image',
    'gettext',
    'password',
    'password_pbkdf2',
    'authenticate',
    'efi_gop',
  ],
  ...[
    'badram',
    'cutmem',
    'probe',
    'read',
    'setkey',
    'usb_keyboard',
    'videotest',
    'cryptomount',
    'normal_exit',
  ],
  ...['efitextmode', 'menu_reload', 'lockdown', 'trust', 'rdmsr', 'wrmsr', 'acpi', 'smbios'],
];
/** Questions about the hardware, which has no answer here. */
const UNANSWERED = [
  'hwmatch',
  'keystatus',
  'cpuid',
  'hashsum',
  'cmp',
  'cmosttest',
  'testload',
  'cmostest',
  'fwconnect',
];

/** Every command but those that the interpreter itself carries out. */
export const BUILT_INS: ReadonlyMap<string, BuiltIn> = new Map([
  ...WITHOUT_EFFECT.map((name) => [name, succeed] as const),
  ...UNANSWERED.map((name) => [name, refuse] as const),
  ['true', succeed],
  ['false', refuse],
  ['test', test],
  ['[', (evaluation, args) => test(evaluation, args.at(-1) === ']' ? args.slice(0, -1) : args)],
  ['set', (evaluation, args) => args.length === 0 || assign(evaluation, args[0] ?? '')],
  [
    'unset',
    (evaluation, args) => {
      for (const name of args) evaluation.variables.values.delete(name);
      return true;
    },
  ],
  [
    'export',
    (evaluation, args) => {
      for (const arg of args) {
        assign(evaluation, arg);
        evaluation.variables.exported.add(arg.split('=')[0] ?? arg);
      }
      return true;
    },
  ],
  ['load_env', loadEnvironment],
  ['search', search],
  ['search.fs_uuid', searchShort('search.fs_uuid')],
  ['search.fs_label', searchShort('search.fs_label')],
  ['search.part_uuid', searchShort('search.part_uuid')],
  ['search.file', searchShort('search.file')],
  ...['linux', 'linux16', 'linuxefi'].map((name) => [name, linux] as const),
  ...['initrd', 'initrd16', 'initrdefi'].map((name) => [name, initrd] as const),
  ['devicetree', deviceTree],
  ['regexp', regexp],
  ['increment', addTo(1)],
  ['decrement', addTo(-1)],
  ['blscfg', blscfg],
  ...[
    'chainloader',
    'ntldr',
    'fwsetup',
    'halt',
    'reboot',
    'multiboot',
    'multiboot2',
    'xen_hypervisor',
    'kfreebsd',
  ]
    .concat([
      'knetbsd',
      'kopenbsd',
      'xnu_kernel',
      'xnu_kernel64',
      'freedos',
      'plan9',
      'efiemu_loadcore',
      'appleloader',
    ])
    .map((name) => [name, startOther(name)] as const),
  ...['module', 'module2', 'xen_module', 'parttool', 'drivemap', 'loopback'].map(
    (name) => [name, succeed] as const,
  ),
]);

/**
 * A modprobe that knows at once what is not there. While the kernel starts it asks, through the initramfs' own
 * modprobe, for algorithms that it then makes of its own parts or does without (crypto/api.c,
 * crypto_larval_lookup()): a dozen runs of a program with half a dozen libraries, to hear that there is no such
 * module. A program of some kilobytes in modprobe's place says that, and becomes the real one for everything else.
 * @module
 */
import type { Architecture } from '../../formats/architecture.ts';
import type { CpioEntry } from '../../formats/cpio.ts';
import { ELF_MACHINES, isElf } from '../../formats/elf.ts';
import { fn } from '../../formats/static-program/functions.ts';
import { areSame } from '../../formats/static-program/library/memory.ts';
import { argumentCount, argumentsOf, environmentOf } from '../../formats/static-program/library/process.ts';
import { giveBack, type Statement, when } from '../../formats/static-program/statements.ts';
import { encodeStaticProgram } from '../../formats/static-program/static-program.ts';
import { load, sys, type Term } from '../../formats/static-program/terms.ts';
import { modprobeConfigurations } from './module-folder.ts';

/** What parts of the kernel itself ask for: security/keys/encrypted-keys, crypto/kdf_sp800108, crypto/drbg. */
const ALGORITHMS = ['hmac(sha256)', 'hmac(sha1)', 'cbc(aes)', 'ecb(aes)', 'aes'] as const;

/** What modprobe is run for while Debian's kernels start, with an initramfs that has no ciphers. */
export const ASKED_AT_START: readonly string[] = [
  ...ALGORITHMS.flatMap((name) => [`crypto-${name}`, `crypto-${name}-all`]),
  'cryptomgr',
];

/** CONFIG_MODPROBE_PATH, where distributions have it. In an initramfs it is a link: to kmod, or to busybox. */
const MODPROBE = /^(?:usr\/)?s?bin\/modprobe$/;
const FILE_TYPE = 0o170000;
const SYMBOLIC_LINK = 0o120000;
const REGULAR_FILE = 0o100000;
/** e_machine. */
const MACHINE_OFFSET = 18;
/** What modprobe says of a name: the kernel has it built in, or there is no such module. */
const ANSWERS = { builtIn: 0, absent: 1 } as const;
/** As a shell says that there is no such program. */
const NO_PROGRAM = 127;

/** What goes by a name or alias. */
export interface KnownNames {
  /** A module of the initramfs. */
  readonly isModule: (name: string) => boolean;
  /** A part of the kernel itself. */
  readonly isBuiltIn: (name: string) => boolean;
}

/** Name -> what modprobe says of it. */
type Answers = ReadonlyMap<string, number>;

/**
 * The links in `entries` that the kernel runs -> the program in their place. Names that a module goes by are left to
 * the real modprobe; all of them where somebody's configuration may have a word in it.
 */
export function quickModprobes(
  entries: readonly CpioEntry[],
  known: KnownNames,
): ReadonlyMap<CpioEntry, CpioEntry> {
  const isConfigured = modprobeConfigurations(entries).some((text) => /\bcrypto/.test(text));
  if (isConfigured) return new Map();
  const answers: Answers = new Map(
    ASKED_AT_START.filter((name) => !known.isModule(name)).map((name) => [
      name,
      known.isBuiltIn(name) ? ANSWERS.builtIn : ANSWERS.absent,
    ]),
  );
  if (answers.size === 0) return new Map();
  return new Map(
    entries
      .filter(({ name, mode }) => MODPROBE.test(name) && (mode & FILE_TYPE) === SYMBOLIC_LINK)
      .flatMap((link) => {
        const target = Buffer.from(link.bytes).toString();
        const architecture = architectureOf(entries, target);
        if (architecture === undefined) return [];
        const path = target.startsWith('/') ? target : `/${link.name.replace(/[^/]+$/, '')}${target}`;
        const bytes = quickModprobe(path, answers, architecture);
        return [[link, { ...link, mode: REGULAR_FILE | 0o755, bytes }] as const];
      }),
  );
}

/** Of the program that a link leads to; undefined where it is not found. */
function architectureOf(entries: readonly CpioEntry[], target: string): Architecture | undefined {
  const file = target.slice(target.lastIndexOf('/') + 1);
  const program = entries.find(
    ({ name, mode, bytes }) =>
      name.endsWith(`bin/${file}`) && (mode & FILE_TYPE) === REGULAR_FILE && isElf(bytes),
  );
  if (program === undefined || program.bytes.length < MACHINE_OFFSET + 2) return undefined;
  const machine = Buffer.from(program.bytes).readUInt16LE(MACHINE_OFFSET);
  if (machine === ELF_MACHINES.x86_64) return 'x86-64';
  return machine === ELF_MACHINES.aarch64 ? 'arm64' : undefined;
}

/**
 * The program. The kernel calls it as `modprobe -q -- NAME` (kernel/module/kmod.c, call_modprobe()).
 * @param real path of what it becomes for all other names; that one tells by its arguments what it is called
 */
export function quickModprobe(real: string, answers: Answers, architecture: Architecture): Uint8Array {
  const main = fn('main', ['stack'], [], ({ stack }) => [
    when(
      [argumentCount(stack), '==', 4],
      [
        when(
          isArgument(stack, 1, '-q'),
          [...answers].map(
            ([name, status]): Statement => when(isArgument(stack, 3, name), [giveBack(status)]),
          ),
        ),
      ],
    ),
    sys.execve(real, argumentsOf(stack), environmentOf(stack)),
    giveBack(NO_PROGRAM),
  ]);
  return encodeStaticProgram(main, architecture);
}

/** Whether the argument is `text`, its NUL included. */
function isArgument(stack: Term, index: number, text: string): Term {
  return areSame(load.u64([argumentsOf(stack), '+', index * 8]), text, Buffer.byteLength(text) + 1);
}

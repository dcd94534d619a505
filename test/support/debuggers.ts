/**
 * crash and drgn as Debian has them, and what they say of a dump. Both need the kernel's vmlinux with debugging
 * information.
 * @module
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KhopError } from '../../src/error.ts';
import type { DebianSuite } from '../../src/lab/debian-suite.ts';
import { unpackedPrograms } from './unpacked-programs.ts';

/** They read and sort hundreds of MiB of types. */
const TIMEOUT_MS = 600_000;
/** What no question of ours comes to. */
const UNUSED = ['perl', 'debconf', 'dpkg', 'binutils', 'media-types', 'mailcap', 'tzdata', 'netbase'];

/** Two files that belong together, and a folder for what the debugger writes. */
export interface DumpToDebug {
  readonly dump: string;
  readonly vmlinux: string;
  readonly folder: string;
}

/** A dump in a debugger's words. */
export interface DebuggerView {
  /** `uname -r`. */
  readonly release: string;
  readonly cpus: number;
  /** The task that panicked. */
  readonly task: { readonly pid: number; readonly command: string; readonly cpu: number };
  /** Functions of the kernel on the stack of that task, the innermost first; without those that were inlined. */
  readonly calls: readonly string[];
  /** The kernel log as the debugger prints it. */
  readonly log: string;
}

/** One of the two, unpacked. */
export interface Debugger {
  /** Of the package. */
  readonly version: string;
  /** @throws E_CHILD with its own words when it cannot open the dump */
  readonly open: (files: DumpToDebug) => Promise<DebuggerView & { readonly panic: string }>;
  /** The kernel log alone, also of a kernel that it does not know otherwise. Undefined: it has no such mode. */
  readonly readLog: ((files: DumpToDebug) => Promise<string>) | undefined;
}

/** Its own words for a kernel whose structures are not those that it was written for; undefined for any other error. */
export function unknownKernel(error: unknown): string | undefined {
  if (!(error instanceof KhopError)) return undefined;
  return /crash: invalid structure (?:member offset|size): \w+/.exec(error.message)?.[0];
}

const CRASH_COMMANDS = ['sys', 'set', 'bt', 'log'];

/** Fetched on first use. */
export async function debianCrash(suite: DebianSuite): Promise<Debugger> {
  const { version, run } = await unpackedPrograms({ suite, packages: ['crash'], unused: UNUSED });
  const ask = async (
    { dump, vmlinux, folder }: DumpToDebug,
    questions: readonly string[],
    options: readonly string[],
  ): Promise<string[]> => {
    const commands = join(folder, 'crash-commands');
    const answer = (command: string) => join(folder, `crash-${command}`);
    await writeFile(
      commands,
      [...questions.map((command) => `${command} > ${answer(command)}`), 'quit', ''].join('\n'),
    );
    // HOME: a .crashrc of whoever runs the test says nothing here.
    await run('usr/bin/crash', ['-s', ...options, '-i', commands, vmlinux, dump], {
      timeoutMs: TIMEOUT_MS,
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: folder, TERM: 'dumb' },
    });
    return await Promise.all(questions.map((command) => readFile(answer(command), 'utf8')));
  };
  return {
    version,
    open: async (files) => {
      const [sys, set, bt, log] = await ask(files, CRASH_COMMANDS, []);
      return { ...parseCrash(sys!, set!, bt!), log: log! };
    },
    readLog: async (files) => (await ask(files, ['log'], ['--minimal']))[0]!,
  };
}

/** `sys` and `set` are lines of `NAME: value`; `bt` has lines like ` #3 [ffff...] panic at ffffffff...`. */
function parseCrash(sys: string, set: string, bt: string) {
  const fact = (text: string, name: string): string =>
    new RegExp(`^ *${name}: "?(.*?)"?(?:  \\[.*\\])?$`, 'm').exec(text)?.[1] ?? `no ${name} in ${text}`;
  return {
    release: fact(sys, 'RELEASE'),
    cpus: Number(fact(sys, 'CPUS')),
    panic: fact(sys, 'PANIC'),
    task: {
      pid: Number(fact(set, 'PID')),
      command: fact(set, 'COMMAND'),
      cpu: Number(fact(set, 'CPU')),
    },
    calls: [...bt.matchAll(/^ *#\d+ \[[0-9a-f]+\] (\S+) at [0-9a-f]+/gm)].map((match) => match[1]!),
  };
}

const DRGN_SCRIPT = `
import json, sys
import drgn
from drgn.helpers.linux.cpumask import for_each_online_cpu
from drgn.helpers.linux.printk import get_dmesg

prog = drgn.Program()
prog.set_core_dump(sys.argv[1])
prog.load_debug_info([sys.argv[2]])
thread = prog.crashed_thread()

def name_of(frame):
    try:
        return frame.symbol().name
    except LookupError:
        return hex(frame.pc)

log = get_dmesg(prog).decode(errors="backslashreplace")
json.dump({
    "release": prog["init_uts_ns"].name.release.string_().decode(),
    "cpus": sum(1 for _ in for_each_online_cpu(prog)),
    "task": {
        "pid": thread.tid,
        "command": thread.object.comm.string_().decode(),
        "cpu": prog["panic_cpu"].counter.value_(),
    },
    "calls": [name_of(frame) for frame in thread.stack_trace() if not frame.is_inline and frame.pc >= 1 << 63],
    "log": log,
    "panic": [line for line in log.splitlines() if "Kernel panic" in line][0],
}, sys.stdout)
`;

/** Fetched on first use, with Python. */
export async function debianDrgn(suite: DebianSuite): Promise<Debugger> {
  const {
    version,
    folder: home,
    run,
  } = await unpackedPrograms({
    suite,
    packages: ['python3-drgn'],
    unused: UNUSED,
  });
  return {
    version,
    open: async ({ dump, vmlinux, folder }) => {
      const { stdout } = await run('usr/bin/python3', ['-c', DRGN_SCRIPT, dump, vmlinux], {
        timeoutMs: TIMEOUT_MS,
        cwd: folder,
        env: { PYTHONHOME: join(home, 'usr'), HOME: folder, LC_ALL: 'C.UTF-8' },
      });
      return JSON.parse(stdout);
    },
    readLog: undefined,
  };
}

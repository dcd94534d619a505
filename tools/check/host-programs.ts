/**
 * Programs of other packages that the lab, the tests and the tools run: each has to be in
 * tools/host-requirements.json, for the verb that comes to run it, or a new machine lacks it.
 * @module
 */
import type { SourceFile } from './sources.ts';

/** What this check reads of an entry of tools/host-requirements.json. */
export interface ProgramRequirement {
  readonly package: string;
  readonly verbs: readonly string[];
  /** Names of programs that all have to be there. */
  readonly programs?: readonly string[];
}

/** Every system has a shell and env; npm is what a person starts with, and sudo is asked for only where it is. */
const GIVEN = new Set(['sh', 'npm', 'sudo', 'env']);

/** Where the name of the program is no literal: the programs it can be, our own files and Node.js left out. */
const COMPUTED: Readonly<Record<string, readonly string[]>> = {
  'src/lab/grub-disk.ts': ['mformat', 'mmd', 'mcopy'],
  'src/lab/program-disk.ts': [],
  'src/lab/checkpoint.ts': ['qemu-system-x86_64', 'qemu-img'],
  'src/lab/qemu-process.ts': ['qemu-system-x86_64', 'setpriv'],
  'test/formats/compression-tools.test.ts': ['gzip', 'zstd', 'lzma', 'lz4', 'bzip2', 'lzop'],
  'test/formats/initramfs.test.ts': ['xz', 'lzma', 'bzip2', 'lz4', 'lzop'],
  'test/machine/program-files.test.ts': [],
  'test/machine/run-process.test.ts': [],
  'test/machine/syscall.test.ts': [],
  'test/plan/capture/guardian.test.ts': ['qemu-aarch64', 'qemu-x86_64'],
  'test/plan/capture/rescue.test.ts': ['qemu-aarch64', 'qemu-x86_64'],
  'test/support/packing-tools.ts': [],
  'test/support/static-programs.ts': ['qemu-aarch64', 'qemu-x86_64'],
  'test/support/unpacked-programs.ts': [],
  'test/tools/check/checks.test.ts': [],
  'tools/bench.ts': ['qemu-system-x86_64'],
  'tools/bench/firmware-disk.ts': [],
  'tools/package/bundle.ts': [],
  'tools/package/executable.ts': ['strip'],
  'tools/package/start-time.ts': [],
};

const CALL =
  /(?<![.\w'])(?<!function )(?:runProcess|spawn|spawnSync|execFile|execFileSync|packWith|whyNot)\(\s*(?:\/\/[^\n]*\n\s*)*(?:'([^']+)'|([\w.]+))/g;

/** One sentence for each program that no requirement of the right verb names, and for each unknown computed one. */
export function hostProgramProblems(
  sources: readonly SourceFile[],
  requirements: readonly ProgramRequirement[],
): string[] {
  return sources.flatMap(({ path, text }) => {
    const verb = verbOf(path);
    if (verb === undefined) return [];
    const calls = [...text.matchAll(CALL)].map(([, literal, computed]) => ({ literal, computed }));
    const isComputed = calls.some(
      ({ computed }) => computed !== undefined && computed !== 'process.execPath',
    );
    const known = COMPUTED[path];
    if (isComputed !== (known !== undefined))
      return [
        `${path} runs ${isComputed ? 'a' : 'no'} program by a computed name: see tools/check/host-programs.ts`,
      ];
    const programs = new Set([...calls.flatMap(({ literal }) => literal ?? []), ...(known ?? [])]);
    return [...programs]
      .filter((program) => !GIVEN.has(program) && !isAbsentOnPurpose(program))
      .filter((program) => !isRequired(program, verb, requirements))
      .map((program) => `${path} runs ${program}, which tools/host-requirements.json has not for ${verb}`);
  });
}

/** A test's name for a program that does not exist. */
function isAbsentOnPurpose(program: string): boolean {
  return program.startsWith('khop-no-such');
}

function isRequired(program: string, verb: string, requirements: readonly ProgramRequirement[]): boolean {
  return requirements.some(
    ({ verbs, programs }) =>
      (verbs.includes('*') || verbs.includes(verb)) && programs?.includes(program) === true,
  );
}

/** `npm test` runs the lab and the tests; tools/VERB.ts and tools/VERB/ run for their verb. */
function verbOf(path: string): string | undefined {
  if (path.startsWith('src/lab/') || path.startsWith('test/')) return 'test';
  return /^tools\/([a-z]+)(?:\/|\.ts$)/.exec(path)?.[1];
}

/**
 * The blackout of one method: guest instructions from the call reboot(LINUX_REBOOT_CMD_KEXEC) to the first
 * instruction of the new kernel's init.
 * @module
 */
import { KhopError } from '../../src/error.ts';
import { quoteWord } from '../../src/lab/agent-channel.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { type BenchDisk, MOUNT_POINT } from './bench-disk.ts';
import { type CountedMachineOptions, readMarks, startCountedMachine } from './counted-machine.ts';
import { blackoutOf } from './marks.ts';
import type { LoadMethod } from './methods.ts';
import { parseResourceUse, type ResourceUse } from './resource-use.ts';

/** A guest that idles passes its time faster than the host, and the guest's deadline is by its own clock. */
const LOAD_TIMEOUT_MS = 1_800_000;
const JUMP_TIMEOUT_MS = 900_000;
const RESOURCES = '/tmp/resources';
const CHARGED = '/tmp/charged';

/**
 * Runs a command in a control group of its own. memory.peak (cgroup-v2.rst, since Linux 5.19) says what was
 * charged to it: not the page cache of files that were read before, and not what the kernel keeps for kexec.
 */
const IN_GROUP = `groups=/tmp/groups
mkdir -p $groups && { grep -q " $groups " /proc/mounts || mount -t cgroup2 none $groups; } || exit
echo +memory >$groups/cgroup.subtree_control && mkdir -p $groups/$$ && echo $$ >$groups/$$/cgroup.procs || exit`;

/** One jump. */
export interface BlackoutSample {
  readonly instructions: number;
  readonly load: ResourceUse;
}

/** Starts a machine, loads by `method`, jumps. @throws E_LAB when loading fails or another kernel comes up */
export async function measureBlackout(
  disk: BenchDisk,
  method: LoadMethod,
  options: CountedMachineOptions = {},
): Promise<BlackoutSample> {
  await using machine = await startCountedMachine(disk, options);
  const load = await loadKernel(machine, method.load(disk));
  await machine.start(`exec ${MOUNT_POINT}/bin/jump`);
  await machine.waitForEnd(JUMP_TIMEOUT_MS);
  const marks = await readMarks(machine);
  const release = marks.findLast(({ tag }) => tag === 'INIT')?.release;
  if (release !== disk.kernel.release)
    throw new KhopError('E_LAB', `${disk.kernel.release} was loaded, and ${release} came up`, {
      hint: 'The machine restarted instead of jumping; see its console.',
    });
  return { instructions: blackoutOf(marks), load };
}

/** Runs `command`, which leaves a kernel loaded. @throws E_LAB with its last words when it does not */
export async function loadKernel(machine: VirtualMachine, command: string): Promise<ResourceUse> {
  const use = await timeCommand(machine, command);
  const { stdout } = await machine.run('cat /sys/kernel/kexec_loaded', { timeoutMs: 60_000 });
  if (stdout.trim() === '1') return use;
  throw new KhopError('E_LAB', 'the command succeeds, and nothing is loaded', { hint: tryIt(command) });
}

/** Runs `command`: what it used. @throws E_LAB with its last words when it fails */
export async function timeCommand(machine: VirtualMachine, command: string): Promise<ResourceUse> {
  const script = `${IN_GROUP}
busybox time -v -o ${RESOURCES} sh -c ${quoteWord(command)} || exit
cat $groups/$$/memory.peak >${CHARGED}`;
  const result = await machine.exec(script, { timeoutMs: LOAD_TIMEOUT_MS });
  if (result.status === 0) {
    const read = async (path: string) => Buffer.from((await machine.copyOut(path)).bytes).toString();
    const chargedKib = Math.round(Number(await read(CHARGED)) / 1024);
    return { ...parseResourceUse(await read(RESOURCES)), chargedKib };
  }
  throw new KhopError('E_LAB', `exit status ${result.status}: ${lastLine(result.stderr)}`, {
    hint: tryIt(command),
  });
}

function tryIt(command: string): string {
  return `Try it in a machine of khop lab: ${command}`;
}

function lastLine(text: string): string {
  return (
    text
      .trim()
      .split('\n')
      .find((line) => /error|refuse/i.test(line)) ??
    text.trim().split('\n').at(-1) ??
    ''
  );
}

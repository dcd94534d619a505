/**
 * The QEMU process of a machine and the files it is given.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KhopError } from '../error.ts';
import { runProcess } from '../machine/run-process.ts';
import { PLATFORMS } from './platform.ts';
import { identifyProcess, isSameProcess, type ProcessIdentity } from './process-identity.ts';
import { type MachineDescription, machineFiles, qemuArguments } from './qemu.ts';

const PREFIX = 'khop-lab-';

/** Where machines' folders are: a short path, because sockets have to fit into sun_path (108 bytes). */
function machinesParent(): string {
  return tmpdir().length > 60 ? '/tmp' : tmpdir();
}

/** A new folder for a machine; those of machines whose owner was killed go away on this occasion. */
export async function makeMachineFolder(): Promise<string> {
  const parent = machinesParent();
  for (const name of await readdir(parent))
    if (name.startsWith(PREFIX)) await removeAbandoned(join(parent, name));
  const folder = await mkdtemp(join(parent, PREFIX));
  await setOwner(folder, await identifyProcess(process.pid));
  return folder;
}

/** Says whose end makes `folder` worthless. */
export async function setOwner(folder: string, owner: ProcessIdentity): Promise<void> {
  await writeFile(machineFiles(folder).owner, JSON.stringify(owner));
}

async function removeAbandoned(folder: string): Promise<void> {
  const text = await readFile(machineFiles(folder).owner, 'utf8').catch(() => '');
  if (text === '') return;
  if (!(await isSameProcess(JSON.parse(text) as ProcessIdentity)))
    await rm(folder, { recursive: true, force: true });
}

/** Makes the files in `folder` that belong to this machine alone: overlays and firmware variables. */
export async function prepareMachineFiles(description: MachineDescription, folder: string): Promise<void> {
  const files = machineFiles(folder);
  if (description.firmware.kind === 'ovmf') await copyFile(description.firmware.variables, files.variables);
  for (const [index, disk] of description.disks.entries())
    if (disk.access === 'overlay') {
      const backing = disk.path.endsWith('.qcow2') ? 'qcow2' : 'raw';
      await runProcess(
        'qemu-img',
        ['create', '-q', '-f', 'qcow2', '-F', backing, '-b', disk.path, files.overlay(index)],
        { timeoutMs: 30_000 },
      );
    }
}

/** Who ends QEMU: `parent`, the end of this process however it comes; `nobody`, `khop lab down`. */
export type QemuLife = 'parent' | 'nobody';

/** Starts QEMU; with `state`, from that file. Its messages go to qemu.log. */
export function spawnQemu(
  description: MachineDescription,
  folder: string,
  options: { readonly state: string | undefined; readonly endsWith: QemuLife },
): ChildProcess {
  const log = openSync(machineFiles(folder).qemuLog, 'a');
  const saved = options.state === undefined ? undefined : openSync(options.state, 'r');
  const qemu = qemuArguments(description, folder, saved === undefined ? undefined : 'fd:3');
  // PR_SET_PDEATHSIG: the kernel kills QEMU when we end, also by SIGKILL, so no machine outlives a test run.
  const { qemu: program } = PLATFORMS[description.architecture];
  const [file = program, ...args] =
    options.endsWith === 'parent'
      ? ['setpriv', '--pdeathsig', 'SIGKILL', '--', program, ...qemu]
      : [program, ...qemu];
  const child = spawn(file, args, {
    detached: options.endsWith === 'nobody',
    stdio: ['ignore', log, log, ...(saved === undefined ? [] : [saved])],
  });
  closeSync(log);
  if (saved !== undefined) closeSync(saved);
  return child;
}

/** Never resolves; rejects when QEMU ends. For the time until it is connected. */
export async function rejectOnExit(
  child: ChildProcess,
  folder: string,
  { architecture }: MachineDescription,
): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  const fail = async (): Promise<void> => {
    const words = await readFile(machineFiles(folder).qemuLog, 'utf8').catch(() => '');
    reject(
      new KhopError('E_LAB', `QEMU did not start: ${words.trim().slice(-800) || 'it said nothing'}`, {
        hint: `Check that ${PLATFORMS[architecture].qemuPackage} and util-linux are installed.`,
      }),
    );
  };
  child.once('exit', fail);
  child.once('error', fail);
  return await promise;
}

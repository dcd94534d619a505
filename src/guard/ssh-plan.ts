/**
 * From another machine that reports are sent to to what the panic kernel is given for it: ssh, the key to log in
 * with, and the key by which it knows the other one. Neither asks anybody anything.
 * @module
 */
import { join } from 'node:path';
import { KhopError } from '../error.ts';
import { hostKeysOf } from '../formats/known-hosts.ts';
import { readNamedFile } from '../kernels/kernel-files.ts';
import type { ProgramFiles } from '../machine/program-files.ts';
import type { BroughtProgram } from '../plan/capture/brought-program.ts';
import { bringProgram, filesOf } from './bring-program.ts';
import type { GuardSettings } from './guard-settings.ts';
import type { ReportTarget } from './report-target.ts';
import type { GuardWorld } from './world.ts';

type SshTo = Extract<ReportTarget, { kind: 'ssh' }>;

/** OpenSSH 9.2 took 1 MiB besides its own files; the rest is the archive of the longest log, and the network’s. */
export const SSH_MEMORY_BYTES = 8 * 1024 * 1024;
const SSH_FOLDER = '/ssh';
const KEY_FILE = 'key';
const KNOWN_HOSTS_FILE = 'known_hosts';
/** What the other machine is called in a file of known hosts that holds it alone. */
const ALIAS = 'khop-reports';
const KNOWN_HOSTS = ['root/.ssh/known_hosts', 'etc/ssh/ssh_known_hosts'];
/** ssh_config(5): no questions, no other keys, no files of anybody's, and no peer that is silent for ever. */
const OPTIONS = [
  'BatchMode=yes',
  'StrictHostKeyChecking=yes',
  `HostKeyAlias=${ALIAS}`,
  'GlobalKnownHostsFile=/dev/null',
  'UpdateHostKeys=no',
  'IdentitiesOnly=yes',
  'IdentityAgent=none',
  'PreferredAuthentications=publickey',
  'ControlPath=none',
  'ClearAllForwardings=yes',
  'ConnectTimeout=10',
  'ServerAliveInterval=5',
  'LogLevel=ERROR',
];

/** What is started, and the files that it was made of. */
export interface SshPlan {
  readonly program: BroughtProgram;
  readonly inputs: readonly string[];
}

/**
 * @param address of the other machine, four bytes
 * @throws E_NOT_FOUND without ssh, the key, or a known key of the other machine
 */
export function planSshProgram(world: GuardWorld, to: SshTo, address: Uint8Array): SshPlan {
  const files = sshFiles(world);
  const key = readNamedFile(to.key);
  const [keyPath, hostsPath] = [`${SSH_FOLDER}/${KEY_FILE}`, `${SSH_FOLDER}/${KNOWN_HOSTS_FILE}`];
  const program = bringProgram(
    files,
    SSH_FOLDER,
    sshArguments({ ...to, key: keyPath }, address.join('.'), hostsPath),
  );
  return {
    program: {
      ...program,
      files: [
        ...program.files,
        // ssh takes no key that others could read.
        { name: KEY_FILE, bytes: key.bytes, mode: 0o600 },
        { name: KNOWN_HOSTS_FILE, bytes: Buffer.from(knownHostsOf(world, to)), mode: 0o600 },
      ],
    },
    inputs: [...filesOf(files).map(({ path }) => path), to.key],
  };
}

/**
 * Sees to it that the other machine can be logged in to, while somebody is there who can change that.
 * @throws as `planSshProgram`; E_CHILD, E_TIMEOUT when it cannot
 */
export async function requireSsh(world: GuardWorld, { to }: GuardSettings): Promise<void> {
  if (to.kind !== 'ssh') return;
  const knownHosts = knownHostsOf(world, to);
  const address = (await world.resolveHost(to.host)).join('.');
  await world.trySsh(sshFiles(world).program.path, {
    argumentsWith: (path) => sshArguments(to, address, path),
    knownHosts,
  });
}

function sshArguments(
  { user, port, folder, key }: SshTo,
  address: string,
  knownHosts: string,
): readonly string[] {
  const options = [...OPTIONS, `UserKnownHostsFile=${knownHosts}`].flatMap((option) => ['-o', option]);
  // The folder has no character that means anything to a shell.
  const unpack = `tar -xf - -C ${folder}`;
  return ['-F', 'none', '-T', ...options, '-i', key, '-p', String(port), '-l', user, address, unpack];
}

function sshFiles(world: GuardWorld): ProgramFiles {
  const found = world.readProgramFiles('ssh');
  if (found.state === 'read') return found.value;
  throw new KhopError(
    'E_NOT_FOUND',
    `reports cannot be sent by ssh: ${found.state === 'absent' ? 'it is not installed' : found.reason}`,
    { hint: 'Install the package openssh-client of your distribution, or name another place with --to.' },
  );
}

/** A file of known hosts with the keys that root has for it. */
function knownHostsOf(world: GuardWorld, { host, port }: SshTo): string {
  const paths = KNOWN_HOSTS.map((path) => join(world.folders.root, path));
  const keys = paths.flatMap((path) => hostKeysOf(world.files.read(path) ?? '', host, port));
  if (keys.length === 0)
    throw new KhopError('E_NOT_FOUND', `no key of ${host} is known, so anybody could pass for it`, {
      hint: `Log in to it once as root and compare the key: ssh ${port === 22 ? '' : `-p ${port} `}${host}`,
    });
  return [...new Set(keys)].map((key) => `${ALIAS} ${key}\n`).join('');
}

/**
 * How a person logs in to a panic kernel that stays because of a loop: by the machine's own ssh server, with the keys
 * that root takes there, at the address that the machine has now.
 * @module
 */
import type { ProgramFiles } from '../machine/program-files.ts';
import type { Reading } from '../machine/reading.ts';
import { RESCUE_ENVIRONMENT, type RescueOrder } from '../plan/capture/rescue.ts';
import type { RescueServer } from '../plan/capture/rescue-server.ts';
import { filesOf } from './bring-program.ts';
import type { GuardWorld } from './world.ts';

/** For sshd and two sessions besides their files. */
export const LOGIN_MEMORY_BYTES = 12 * 1024 * 1024;
/** For a shell on the console. */
const SHELL_MEMORY_BYTES = 2 * 1024 * 1024;
/** From the deadline of the report on, for an interface that is slow to come. */
const INTERFACE_MS = 20_000;
/** The way to everywhere: who is there to help sits anywhere. */
const ANYWHERE = new Uint8Array(4);
const FOLDER = '/rescue';

/** What is brought along, and what it takes. */
export interface RescueLogin {
  readonly server: RescueServer;
  readonly programs: readonly ProgramFiles[];
  readonly files: RescueOrder['files'];
  /** Paths of what it is made of: a key that was taken away is to be gone there too. */
  readonly inputs: readonly string[];
  /** Modules of the interface, by name. */
  readonly modules: readonly string[];
  /** For people: `root@10.0.2.15 -p 2222`. */
  readonly address: string;
}

/** Why nobody can log in is the reading's reason. @param deadlineMs of the capture, see GuardSettings */
export async function planRescueLogin(world: GuardWorld, deadlineMs: number): Promise<Reading<RescueLogin>> {
  const network = world.readNetworkPath(ANYWHERE);
  if (network.state !== 'read') return network;
  const server = await world.readSshServer();
  if (server.state !== 'read') return server;
  const { interfaceName: _, modules, ...way } = network.value;
  const { port, programs, hostKeys, authorizedKeys, keyFiles } = server.value;
  const keys = hostKeys.map((bytes, index) => ({ path: `${FOLDER}/host-key-${index}`, bytes, mode: 0o600 }));
  const authorized = { path: `${FOLDER}/authorized_keys`, bytes: authorizedKeys, mode: 0o600 };
  const options = [
    ...['UsePAM=no', 'StrictModes=no', 'PidFile=none', 'UseDNS=no', 'PrintMotd=no', 'PrintLastLog=no'],
    ...['PermitRootLogin=prohibit-password', 'PasswordAuthentication=no', 'KbdInteractiveAuthentication=no'],
    ...[`AuthorizedKeysFile=${authorized.path}`, `Port=${port}`],
    ...keys.map((key) => `HostKey=${key.path}`),
  ];
  const command = [programs[0]!.program.path, '-D', '-e', '-f', '/dev/null'];
  return {
    state: 'read',
    source: server.source,
    value: {
      server: {
        network: way,
        deadlineMs: deadlineMs + INTERFACE_MS,
        command: [...command, ...options.flatMap((option) => ['-o', option])],
        environment: RESCUE_ENVIRONMENT,
      },
      programs,
      files: [...keys, authorized],
      inputs: [...programs.flatMap((each) => filesOf(each).map(({ path }) => path)), ...keyFiles],
      modules,
      address: `root@${way.address.join('.')}${port === 22 ? '' : ` -p ${port}`}`,
    },
  };
}

/** Bytes of the reservation that a rescue takes: its files twice, and what runs. */
export function rescueBytes({ files, command, server }: RescueOrder): number {
  const running = server !== undefined ? LOGIN_MEMORY_BYTES : command !== undefined ? SHELL_MEMORY_BYTES : 0;
  return 2 * files.reduce((sum, { bytes }) => sum + bytes.length, 0) + running;
}

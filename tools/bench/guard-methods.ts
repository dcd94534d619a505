/**
 * The tools that are compared in what they do after a panic. Each is one row: how it is installed and armed in
 * the same full machine, by what it would be installed with anywhere, and how its console is read.
 * @module
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { CacheInputs } from '../../src/lab/cache-folder.ts';
import { type DebianPackage, fetchPackage, findWithDependencies } from '../../src/lab/debian-packages.ts';
import { waitForSystem } from '../../src/lab/full-machine.ts';
import type { FirmwareKind } from '../../src/lab/ovmf.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { quickDeb } from '../package/quick-deb.ts';
import type { CrashSigns } from './crash-moments.ts';

const COMMAND = { timeoutMs: 120_000 };
const INSTALL = { timeoutMs: 400_000 };
/** From the command that leaves this kernel until the next one's agent answers. */
const RESTART_TIMEOUT_MS = 400_000;
const DEBS = '/root/debs';

/** What is installed, ready to be copied into the guest. */
export interface Parcel {
  /** Its contents, for the name of a checkpoint. */
  readonly madeWith: CacheInputs;
  /** Installs it in a machine that has just started, and arms it. */
  readonly install: (machine: VirtualMachine) => Promise<void>;
}

/** One row. */
export interface GuardMethod {
  readonly id: string;
  readonly title: string;
  readonly firmware: FirmwareKind;
  readonly pack: () => Promise<Parcel>;
  readonly signs: CrashSigns;
  /** Where it leaves what it saved. */
  readonly folder: string;
}

const KHOP: Pick<GuardMethod, 'pack' | 'signs' | 'folder'> = {
  pack: packKhop,
  signs: { capture: /khop: captured \d/, report: /khop: report \d/, dump: undefined },
  folder: '/var/lib/khop/crashes',
};

/** Its word that the log is saved comes before its sync, and this line of its own comes after it. */
const KDUMP_TOOLS: Pick<GuardMethod, 'pack' | 'signs' | 'folder'> = {
  pack: packKdumpTools,
  signs: { capture: /Welcome to .*Debian/, report: /running makedumpfile/, dump: /saved vmcore in/ },
  folder: '/var/crash',
};

/** In the order of the report. */
export const GUARD_METHODS: readonly GuardMethod[] = [
  { id: 'guard-khop-seabios', title: 'khop guard (SeaBIOS machine)', firmware: 'seabios', ...KHOP },
  { id: 'guard-kdump-seabios', title: 'kdump-tools, SeaBIOS and GRUB', firmware: 'seabios', ...KDUMP_TOOLS },
  { id: 'guard-khop-ovmf', title: 'khop guard (OVMF machine)', firmware: 'ovmf', ...KHOP },
  { id: 'guard-kdump-ovmf', title: 'kdump-tools, OVMF and GRUB', firmware: 'ovmf', ...KDUMP_TOOLS },
];

async function packKhop(): Promise<Parcel> {
  const deb = await quickDeb();
  return {
    madeWith: { khop: createHash('sha256').update(deb).digest('hex') },
    install: async (machine) => {
      await machine.copyIn(deb, `${DEBS}/khop.deb`, 0o644, INSTALL.timeoutMs);
      await installDebs(machine);
      await restart(machine, '/usr/bin/khop guard on --yes');
    },
  };
}

async function packKdumpTools(): Promise<Parcel> {
  const packages = await findWithDependencies('bookworm', ['kdump-tools', 'makedumpfile'], []);
  return {
    madeWith: { packages: packages.map(({ name, version }) => `${name} ${version}`) },
    install: async (machine) => {
      for (const entry of await missingOf(machine, packages)) {
        const deb = await fetchPackage(entry);
        await machine.copyIn(await readFile(deb), `${DEBS}/${basename(deb)}`);
      }
      await installDebs(machine);
      // Its initramfs; otherwise its service makes it at the first start.
      await machine.run('/etc/kernel/postinst.d/kdump-tools "$(uname -r)"', INSTALL);
      await restart(machine, 'systemctl reboot --force');
    },
  };
}

async function missingOf(
  machine: VirtualMachine,
  packages: readonly DebianPackage[],
): Promise<DebianPackage[]> {
  const { stdout } = await machine.run(
    'dpkg-query --list | awk \'/^ii/ { sub(/:.*/, "", $2); print $2 }\'',
    COMMAND,
  );
  const installed = new Set(stdout.split('\n'));
  return packages.filter(({ name }) => !installed.has(name));
}

async function installDebs(machine: VirtualMachine): Promise<void> {
  await machine.run(
    `DEBIAN_FRONTEND=noninteractive dpkg --install ${DEBS}/*.deb && rm -r ${DEBS} && sync`,
    INSTALL,
  );
}

async function restart(machine: VirtualMachine, command: string): Promise<void> {
  const { bootId } = await machine.waitForHello(COMMAND.timeoutMs);
  await machine.start(command);
  await machine.waitForNewKernel(bootId, RESTART_TIMEOUT_MS);
  await waitForSystem(machine);
}

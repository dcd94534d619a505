/**
 * The initramfs of the small machine: busybox, the modules for its virtual devices, and the agent.
 * @module
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { CpioEntry } from '../formats/cpio.ts';
import { cpioFile, cpioFolder, cpioSymlink, encodeCpio, parentFolders } from '../formats/cpio-writer.ts';
import { collectModules } from '../kernels/kernel-modules.ts';
import { type CacheInputs, cachedFolder } from './cache-folder.ts';
import { fetchPackage, findPackage, unpackPackage } from './debian-packages.ts';
import type { LabKernel } from './kernel-store.ts';
import { readLabScript } from './lab-script.ts';
import { PLATFORMS, type Platform } from './platform.ts';

const MODULES = ['virtio_pci', 'virtio_console', 'virtio_blk', 'virtio_rng', 'ext4', 'efivarfs'];

/** ext4 asks for the crc32c algorithm by name, which .modinfo says only as a soft dependency. */
const OPTIONAL_MODULES = ['crc32c_generic'];

/** Where Debian's Node.js, kexec-tools and the rest of the tool disk look for libraries. */
function libraryLinks({ loader, triplet }: Platform): CpioEntry[] {
  return [
    cpioSymlink(loader, `/tool/lib/${basename(loader)}`),
    cpioSymlink(`lib/${triplet}`, '/tool/lib'),
    cpioSymlink('boot', '/tool/boot'),
  ];
}

const OS_RELEASE = 'PRETTY_NAME="khop small lab machine"\nNAME="khop lab"\nID=khop-lab\n';

/** The initramfs for `kernel`: its path. */
export async function smallInitramfs(kernel: LabKernel): Promise<string> {
  const platform = PLATFORMS[kernel.architecture];
  const busybox = await findPackage('bookworm', 'busybox-static', platform.debian);
  const init = await readLabScript('small-init.sh');
  const agent = await readLabScript('guest-agent.sh');
  const inputs: CacheInputs = {
    recipe: 3,
    release: kernel.release,
    packages: kernel.packages,
    busybox: busybox.sha256,
    modules: [MODULES, OPTIONAL_MODULES],
    init: Buffer.from(init).toString('base64'),
    agent: Buffer.from(agent).toString('base64'),
  };
  const folder = await cachedFolder({
    kind: 'small-initramfs',
    inputs,
    timeoutMs: 300_000,
    build: async (target) => {
      const unpacked = join(target, 'unpacked');
      await unpackPackage(await fetchPackage(busybox), unpacked);
      const entries = [
        cpioFile('bin/busybox', await readFile(join(unpacked, 'bin', 'busybox')), 0o755),
        cpioFile('init', init, 0o755),
        cpioFile('usr/lib/khop/guest-agent.sh', agent, 0o755),
        cpioFile('etc/os-release', Buffer.from(OS_RELEASE)),
        ...libraryLinks(platform),
        ...(await moduleEntries(kernel)),
      ];
      const folders = parentFolders(entries.map(({ name }) => name)).map((name) => cpioFolder(name));
      const mountPoints = ['proc', 'sys', 'dev', 'tool'].map((name) => cpioFolder(name));
      await writeFile(join(target, 'initrd.img'), encodeCpio([...mountPoints, ...folders, ...entries]));
      await rm(unpacked, { recursive: true });
    },
  });
  return join(folder, 'initrd.img');
}

/** The modules and the order in which init inserts them. */
async function moduleEntries(kernel: LabKernel): Promise<CpioEntry[]> {
  const root = `lib/modules/${kernel.release}`;
  const modules = await collectModules(kernel.modules, MODULES, OPTIONAL_MODULES);
  const order = modules.map(({ path }) => `${path}\n`).join('');
  return [
    cpioFile(`${root}/khop-order`, Buffer.from(order)),
    // khop looks there for what is not a module.
    cpioFile(`${root}/modules.builtin`, await readFile(join(kernel.modules, 'modules.builtin'))),
    ...modules.map(({ path, bytes }) => cpioFile(`${root}/${path}`, bytes)),
  ];
}

/**
 * Will the new kernel find its root file system by the name it is given?
 * @module
 */
import { valueOf } from '../../machine/reading.ts';
import { commandLineValue, kernelArguments } from '../command-line.ts';
import { canonicalDevice, lookUpDevice, rootMountOf } from './device-names.ts';
import type { PreflightCheck, PreflightInput, PreflightTarget } from './preflight-check.ts';
import { evidenceOf, listed, resultsOf } from './result.ts';

function judgeWithoutRoot(running: string | undefined, evidence: readonly string[]) {
  const results = resultsOf('root-device');
  if (running !== undefined)
    return results.refusal({
      title: 'The new command line has no root=, and the running one has.',
      evidence,
      remedy: `Add --append root=${running}, or use --reuse-cmdline.`,
      isOverridable: true,
    });
  return results.note({
    title: 'There is no root=: the initrd must know by itself what to start.',
    evidence,
    remedy: 'Nothing to do where the running system was started the same way.',
  });
}

interface RootNames {
  readonly root: string;
  readonly running: string | undefined;
}

function judgeRoot(input: PreflightInput, names: RootNames, evidence: readonly string[]) {
  const { root, running } = names;
  const results = resultsOf('root-device');
  const lookup = lookUpDevice(input.machine, root);
  const all = [...evidence, lookup.evidence];
  const isSame = running !== undefined && canonicalDevice(root) === canonicalDevice(running);
  if (lookup.state === 'missing' && isSame)
    return results.warning({
      title: `The running system was started with root=${root}, and nothing has that name now.`,
      evidence: all,
      remedy: 'Look whether the file system was made anew or its device renamed: blkid.',
    });
  if (lookup.state === 'missing')
    return results.refusal({
      title: `root=${root} does not exist on this machine.`,
      evidence: all,
      remedy: `Give the right root=; the running system was started with ${running ?? 'none'}.`,
      isOverridable: true,
    });
  if (isSame)
    return results.pass('The root device is the one that the running system was started with.', all);
  if (lookup.state === 'unknown')
    return results.warning({
      title: `Whether root=${root} exists could not be verified, and the running system was started otherwise.`,
      evidence: all,
      remedy: running === undefined ? 'Check it by hand.' : `Compare with root=${running}.`,
    });
  if (running === undefined || rootMountOf(input.machine)?.source === canonicalDevice(root))
    return results.pass('The root device exists.', all);
  return results.note({
    title: `root=${root} exists and is written otherwise than the running root=${running}.`,
    evidence: all,
    remedy: 'Make sure that it is the system which is meant.',
  });
}

export const rootDevice: PreflightCheck = {
  id: 'root-device',
  subject: 'the device that root= names',
  run(input) {
    const { machine, target, slot } = input;
    if (target === undefined || slot === 'crash') return [];
    const root = commandLineValue(target.commandLine, 'root');
    const runningLine = valueOf(machine.commandLine);
    const running = runningLine === undefined ? undefined : commandLineValue(runningLine, 'root');
    const evidence = [
      `new command line: ${root === undefined ? 'no root=' : `root=${root}`}`,
      evidenceOf(machine.commandLine, () => (running === undefined ? 'no root=' : `root=${running}`)),
    ];
    if (root !== undefined) return judgeRoot(input, { root, running }, evidence);
    if (machine.commandLine.state !== 'read')
      return resultsOf('root-device').warning({
        title: 'There is no root=, and whether the running system has one could not be read.',
        evidence,
        remedy: 'Mount /proc.',
      });
    return judgeWithoutRoot(running, evidence);
  },
};

const REMOTE_FILE_SYSTEMS = new Set([
  'nfs',
  'nfs4',
  'cifs',
  'smb3',
  'ceph',
  'glusterfs',
  'lustre',
  'gfs2',
  'ocfs2',
]);
const REMOTE_DEVICE = /^(?:nbd|rbd|drbd)\d/;
/** iSCSI sessions and NVMe over fabrics, as sysfs places their disks. */
const REMOTE_PATH = /\/session\d+\/|\/nvme-fabrics\//;
/** What an initrd needs to reach the root: dracut.cmdline(7), Documentation/admin-guide/nfs/nfsroot.rst. */
const NETWORK_ARGUMENT =
  /^(?:ip|nfsroot|netroot|nameserver|rd\.neednet|rd\.iscsi.*|iscsi_.*|rd\.nvmf.*|BOOTIF|vlan|bond|bridge|team|ifname)$/i;

/** What carries the root over a network, or undefined. */
function remoteCarrier(input: PreflightInput): string | undefined {
  const mount = rootMountOf(input.machine);
  if (mount !== undefined && REMOTE_FILE_SYSTEMS.has(mount.fileSystem)) return mount.fileSystem;
  const storage = valueOf(input.machine.rootStorage);
  return (
    storage?.blockDevices.find((name) => REMOTE_DEVICE.test(name)) ??
    storage?.devicePaths.find((path) => REMOTE_PATH.test(path))
  );
}

function lostNetworkArguments(running: string, target: PreflightTarget): string[] {
  const present = new Set(kernelArguments(target.commandLine).map((argument) => argument.name));
  return kernelArguments(running)
    .filter((argument) => NETWORK_ARGUMENT.test(argument.name) && !present.has(argument.name))
    .map((argument) => argument.text);
}

export const remoteRoot: PreflightCheck = {
  id: 'remote-root',
  subject: 'whether the root file system comes over a network',
  run(input) {
    const { machine, target, slot } = input;
    if (slot === 'crash') return [];
    const results = resultsOf('remote-root');
    const evidence = [
      evidenceOf(machine.mounts, () => `/ is ${rootMountOf(machine)?.fileSystem ?? 'not listed'}`),
      evidenceOf(machine.rootStorage, (storage) => listed(storage.blockDevices)),
    ];
    if (machine.mounts.state !== 'read' || machine.rootStorage.state === 'unreadable')
      return results.warning({
        title: 'What carries the root file system is not known.',
        evidence,
        remedy: 'Run khop as root, with /proc and /sys mounted.',
      });
    const carrier = remoteCarrier(input);
    if (carrier === undefined) return results.pass('The root file system is local.', evidence);
    const running = valueOf(machine.commandLine);
    const lost = running === undefined || target === undefined ? [] : lostNetworkArguments(running, target);
    const all = [...evidence, `root comes over: ${carrier}`, evidenceOf(machine.commandLine)];
    if (lost.length > 0 || running === undefined)
      return results.warning({
        title:
          running === undefined
            ? 'The root file system is remote, and how it was reached could not be read.'
            : `The root file system is remote, and the new command line loses ${listed(lost)}.`,
        evidence: all,
        remedy: 'Add the network arguments of the running command line, or use --reuse-cmdline.',
      });
    return results.note({
      title: 'The root file system is remote: the network goes down before the jump and must come up again.',
      evidence: all,
      remedy: 'Have a console at hand for the first switch.',
    });
  },
};

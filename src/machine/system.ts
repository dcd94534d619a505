/**
 * The running system: capabilities, modules, IMA, keys, service manager, the kernel's configuration.
 * @module
 */
import { gunzipSync } from 'node:zlib';
import { parseKernelConfig } from '../formats/kernel-config.ts';
import type { Reading } from './reading.ts';
import { firstPresent, integerOf, linesOf, mapReading, readBytes, readNames, readText } from './source.ts';

/** include/uapi/linux/capability.h, in order of their numbers. */
const CAPABILITIES = [
  'chown',
  'dac_override',
  'dac_read_search',
  'fowner',
  'fsetid',
  'kill',
  'setgid',
  'setuid',
  'setpcap',
  'linux_immutable',
  'net_bind_service',
  'net_broadcast',
  'net_admin',
  'net_raw',
  'ipc_lock',
  'ipc_owner',
  'sys_module',
  'sys_rawio',
  'sys_chroot',
  'sys_ptrace',
  'sys_pacct',
  'sys_admin',
  'sys_boot',
  'sys_nice',
  'sys_resource',
  'sys_time',
  'sys_tty_config',
  'mknod',
  'lease',
  'audit_write',
  'audit_control',
  'setfcap',
  'mac_override',
  'mac_admin',
  'syslog',
  'wake_alarm',
  'block_suspend',
  'audit_read',
  'perfmon',
  'bpf',
  'checkpoint_restore',
] as const;

/** Names without CAP_, lower case. */
export function readCapabilities(root: string): Reading<ReadonlySet<string>> {
  return mapReading(readText(root, '/proc/self/status'), (text) => {
    const hex = /^CapEff:\s*([0-9a-f]+)$/m.exec(text)?.[1];
    if (hex === undefined) return undefined;
    const bits = BigInt(`0x${hex}`);
    return new Set(CAPABILITIES.filter((_name, bit) => (bits >> BigInt(bit)) & 1n));
  });
}

export function readLoadedModules(root: string): Reading<ReadonlySet<string>> {
  return mapReading(
    readText(root, '/proc/modules'),
    (text) => new Set(linesOf(text).map((line) => line.split(' ')[0]!)),
  );
}

/** Readable only where CONFIG_IMA_READ_POLICY is set; absent without IMA. */
export function readImaPolicy(root: string): Reading<readonly string[]> {
  const folder = '/sys/kernel/security/ima';
  const policy = mapReading(readText(root, `${folder}/policy`), linesOf);
  // ima_release_policy() takes the file away with the first policy that is loaded, where it could not be read.
  if (policy.state === 'absent' && readNames(root, folder).state === 'read')
    return { ...policy, state: 'unreadable', reason: 'a policy was loaded and cannot be read back' };
  return policy;
}

/**
 * The certificates among /proc/keys, as `Issuer: name` without key id and algorithm. Keys of other types are
 * left out: anybody may add a `user` key with a trusted name, and `blacklist` has what is not trusted.
 * Documentation/security/keys/core.rst: ID FLAGS USAGE TIMEOUT PERM UID GID TYPE DESCRIPTION: SUMMARY.
 */
export function readKeyDescriptions(root: string): Reading<readonly string[]> {
  return mapReading(readText(root, '/proc/keys'), (text) =>
    linesOf(text)
      .map((line) => /^\s*(?:\S+\s+){7}asymmetri\S*\s+(.*)$/.exec(line)?.[1])
      .filter((description) => description !== undefined)
      .map((description) => description.replace(/(?:: [0-9a-f]+)?: X509\..*$/, '')),
  );
}

export function readCrypttab(root: string): Reading<readonly string[]> {
  return mapReading(readText(root, '/etc/crypttab'), (text) =>
    linesOf(text).filter((line) => !line.trimStart().startsWith('#')),
  );
}

/** /proc/config.gz, else /boot/config-RELEASE, else /lib/modules/RELEASE/config. */
export function readRunningConfig(
  root: string,
  release: string | undefined,
): Reading<ReadonlyMap<string, string>> {
  const packed = mapReading(readBytes(root, '/proc/config.gz'), (bytes) => {
    try {
      return gunzipSync(bytes, { maxOutputLength: 16 * 1024 * 1024 }).toString('utf8');
    } catch {
      return undefined;
    }
  });
  const texts: [Reading<string>, ...Reading<string>[]] = [packed];
  if (release !== undefined)
    texts.push(readText(root, `/boot/config-${release}`), readText(root, `/lib/modules/${release}/config`));
  return mapReading(firstPresent(...texts), parseKernelConfig);
}

/** `systemd` where it runs, else the name of PID 1. */
export function readServiceManager(root: string): Reading<string> {
  const runtime = readNames(root, '/run/systemd/system');
  if (runtime.state === 'read') return { state: 'read', value: 'systemd', source: runtime.source };
  return readText(root, '/proc/1/comm');
}

/** AT_PAGESZ of the auxiliary vector. */
export function readPageSize(root: string): Reading<number> {
  return mapReading(readBytes(root, '/proc/self/auxv'), (bytes) => {
    const AT_PAGESZ = 6n;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let offset = 0; offset + 16 <= bytes.length; offset += 16)
      if (view.getBigUint64(offset, true) === AT_PAGESZ) return Number(view.getBigUint64(offset + 8, true));
    return undefined;
  });
}

export function readTaint(root: string): Reading<number> {
  return mapReading(readText(root, '/proc/sys/kernel/tainted'), integerOf);
}

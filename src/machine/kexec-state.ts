/**
 * What the kernel says of its kexec: sysfs in both layouts, and the sysctls.
 * /sys/kernel/kexec_* moved to /sys/kernel/kexec/ in 6.19; the old names stay for some years.
 * @module
 */
import type { KexecFacts, Lockdown, SyscallAvailability } from './facts.ts';
import type { Reading } from './reading.ts';
import { bigintOf, booleanOf, firstPresent, integerOf, mapReading, readText } from './source.ts';

/** Both system calls, asked for real; a recorded tree has no answer. */
export interface SyscallProbe {
  readonly kexecLoad: Reading<SyscallAvailability>;
  readonly kexecFileLoad: Reading<SyscallAvailability>;
}

/** @param probe undefined for a recorded tree: the calls are then absent */
export function readKexecState(root: string, probe: SyscallProbe | undefined): KexecFacts {
  const sysfs = (name: string) =>
    firstPresent(readText(root, `/sys/kernel/kexec/${name}`), readText(root, `/sys/kernel/kexec_${name}`));
  const sysctl = (name: string) => readText(root, `/proc/sys/kernel/${name}`);
  return {
    loaded: mapReading(sysfs('loaded'), booleanOf),
    crashLoaded: mapReading(sysfs('crash_loaded'), booleanOf),
    crashSize: mapReading(sysfs('crash_size'), bigintOf),
    crashElfcorehdrSize: mapReading(
      firstPresent(
        readText(root, '/sys/kernel/kexec/crash_elfcorehdr_size'),
        readText(root, '/sys/kernel/crash_elfcorehdr_size'),
      ),
      bigintOf,
    ),
    loadDisabled: mapReading(sysctl('kexec_load_disabled'), booleanOf),
    loadLimitPanic: mapReading(sysctl('kexec_load_limit_panic'), integerOf),
    loadLimitReboot: mapReading(sysctl('kexec_load_limit_reboot'), integerOf),
    kexecLoad: probe?.kexecLoad ?? { state: 'absent', source: 'the system call kexec_load' },
    kexecFileLoad: probe?.kexecFileLoad ?? { state: 'absent', source: 'the system call kexec_file_load' },
  };
}

/** `none [integrity] confidentiality`: the one in brackets; absent without the lockdown LSM. */
export function readLockdown(root: string): Reading<Lockdown> {
  return mapReading(readText(root, '/sys/kernel/security/lockdown'), (text) => {
    const mode = /\[(none|integrity|confidentiality)\]/.exec(text)?.[1];
    return mode as Lockdown | undefined;
  });
}

/**
 * Why the kernel refuses to load: each errno of kexec_load and kexec_file_load with its causes, as the
 * kernel's own checks have them (kernel/kexec.c, kexec_core.c, kexec_file.c, arch/x86/kernel/kexec-bzimage64.c),
 * likeliest first. One errno has several; the facts of the machine and the kernel log choose.
 * @module
 */
import type { ErrnoName } from './errno.ts';

/** A possible cause and what to do about it. */
export interface ErrnoCause {
  readonly cause: string;
  readonly remedy: string;
}

type KexecCall = 'kexec_load' | 'kexec_file_load';

const LOCKED: ErrnoCause = {
  cause: 'lockdown or Secure Boot forbids it, or the process lacks CAP_SYS_BOOT',
  remedy: 'Run as root; under lockdown load a signed kernel by kexec_file_load (--method file).',
};
const DISABLED: ErrnoCause = {
  cause: 'kernel.kexec_load_disabled is 1, or a kexec_load_limit is used up',
  remedy: 'Only a reboot through firmware opens that gate again.',
};
const BUSY: ErrnoCause = {
  cause: 'another load or unload is going on, or secondary CPUs cannot be taken offline (spin-table)',
  remedy: 'Try again; if it stays, see `khop check` for spin-table-cpus.',
};
const NO_RESERVATION: ErrnoCause = {
  cause: 'no memory is reserved for a panic kernel, or a segment lies outside of it or is not page aligned',
  remedy: 'Boot with crashkernel=256M on the command line, then load again.',
};
const MEMORY: ErrnoCause = {
  cause: 'the kernel could not get the memory for its copy of the image and initrd',
  remedy: 'Free memory (drop caches, stop what is large) or use a smaller initrd.',
};
const MISSING: ErrnoCause = {
  cause: 'the running kernel was built without this system call, or a container’s seccomp filter hides it',
  remedy: 'Use the other method, or run on the host.',
};

const CAUSES: Readonly<Record<KexecCall, Readonly<Partial<Record<ErrnoName, readonly ErrnoCause[]>>>>> = {
  kexec_load: {
    EPERM: [LOCKED, DISABLED],
    EACCES: [
      { cause: 'the IMA policy forbids kexec_load', remedy: 'Use --method file with a signed kernel.' },
    ],
    EBUSY: [BUSY],
    EINVAL: [
      {
        cause: 'the segments take more than half of memory, overlap, or are too many; or a flag is not known',
        remedy: 'See `khop plan` for the segments; use a smaller initrd.',
      },
    ],
    EADDRNOTAVAIL: [NO_RESERVATION],
    ENOMEM: [MEMORY],
    EFAULT: [
      { cause: 'a segment’s buffer is not readable', remedy: 'Report this: khop passed a bad address.' },
    ],
    ENOSYS: [MISSING],
  },
  kexec_file_load: {
    EPERM: [LOCKED, DISABLED],
    EACCES: [
      { cause: 'the IMA policy refuses this file', remedy: 'Sign the file, or use one that is signed.' },
    ],
    EBUSY: [BUSY],
    EBADF: [
      { cause: 'a file descriptor is not open for reading', remedy: 'Report this with the strace line.' },
    ],
    EINVAL: [
      {
        cause:
          'the command line is longer than the kernel takes, a flag is not known, or the image is of a kind this kernel’s loader does not take',
        remedy: 'Shorten the command line, or try --method segments.',
      },
    ],
    ENOEXEC: [
      {
        cause: 'the file is not an image that this kernel can load',
        remedy: 'Try --method segments, or another image.',
      },
    ],
    EADDRNOTAVAIL: [NO_RESERVATION],
    ENOMEM: [MEMORY],
    ETXTBSY: [
      { cause: 'the file is open for writing', remedy: 'Wait until its writer is done, then load again.' },
    ],
    ENODATA: [{ cause: 'the image carries no signature', remedy: 'Use the distribution’s signed kernel.' }],
    ENOKEY: [
      {
        cause: 'no keyring holds the key that signed the image',
        remedy: 'Enrol the signer’s key (MOK), or use a kernel signed by a known one.',
      },
    ],
    EKEYREJECTED: [
      {
        cause: 'the signature is not by a trusted key or does not match',
        remedy: 'Use the distribution’s signed kernel, unchanged.',
      },
    ],
    EKEYEXPIRED: [
      { cause: 'the key that signed the image has expired', remedy: 'Use a kernel signed by a current key.' },
    ],
    EBADMSG: [{ cause: 'the signature is damaged', remedy: 'Install the kernel package again.' }],
    ELIBBAD: [{ cause: 'the signature block is malformed', remedy: 'Install the kernel package again.' }],
    ENOPKG: [
      {
        cause: 'this kernel lacks the algorithm of the signature',
        remedy: 'Use a kernel signed with another digest.',
      },
    ],
    EFBIG: [{ cause: 'a file is larger than the kernel reads', remedy: 'Use a smaller initrd.' }],
    ENOSYS: [MISSING],
  },
};

/** The causes of a failure, likeliest first; empty for an errno these calls do not return. */
export function errnoCauses(call: KexecCall, errno: ErrnoName | undefined): readonly ErrnoCause[] {
  return (errno === undefined ? undefined : CAUSES[call][errno]) ?? [];
}

/** The errnos that are explained, for a test against the kernel's lists. */
export function explainedErrnos(call: KexecCall): readonly string[] {
  return Object.keys(CAUSES[call]);
}

/**
 * The table behind `explainErrno`: both calls, every errno, likeliest cause first.
 * @module
 */

import type { ErrnoName } from './errno.ts';
import type { KexecCall, LoadCircumstances, TestedCause } from './errno-causes.ts';

type Causes = Readonly<Partial<Record<ErrnoName, readonly TestedCause[]>>>;

const says = (known: LoadCircumstances, pattern: RegExp): true | undefined =>
  known.kernelMessages.some((text) => pattern.test(text)) ? true : undefined;

const isZero = (value: bigint | undefined): boolean | undefined =>
  value === undefined ? undefined : value === 0n;

const NOT_PRIVILEGED: TestedCause = {
  cause: 'this process lacks CAP_SYS_BOOT',
  remedy: 'Run as root (sudo), outside a container that drops it.',
  holds: (known) => (known.hasSysBoot === undefined ? undefined : !known.hasSysBoot),
};
const DISABLED: TestedCause = {
  cause: 'kernel.kexec_load_disabled is 1, which cannot be taken back in this boot',
  remedy: 'Reboot through firmware; find who sets it in /etc/sysctl.d.',
  holds: (known) => known.loadDisabled,
};
const LIMIT_USED_UP: TestedCause = {
  cause: 'the loads that kernel.kexec_load_limit_reboot or _panic allows are used up',
  remedy: 'Reboot through firmware; the limit cannot be raised in this boot.',
  holds: (known) => (known.loadLimit === undefined ? undefined : known.loadLimit === 0),
};
const SECCOMP: TestedCause = {
  cause: 'the system call filter of a container or service forbids it',
  remedy: 'Run on the host itself.',
  holds: (known) => (known.isContainer === false ? false : undefined),
};
const LOCKED_UNSIGNED: TestedCause = {
  cause: 'kernel lockdown (Secure Boot) allows no kexec_load: its segments carry no signature',
  remedy: 'Load a signed kernel with --method file.',
  holds: (known) => (known.lockdown === undefined ? says(known, /Lockdown:/) : known.lockdown !== 'none'),
};
const LOCKED_UNVERIFIED: TestedCause = {
  cause: 'kernel lockdown (Secure Boot) wants a signature that the running kernel can verify',
  remedy: 'Use a kernel that is signed by a key in the firmware or in MOK (mokutil --import).',
  holds: (known) => (known.lockdown === undefined ? says(known, /Lockdown:/) : known.lockdown !== 'none'),
};
const IMA_NEEDS_FILE: TestedCause = {
  cause: 'the IMA policy appraises kernels, and kexec_load shows it no file to appraise',
  remedy: 'Use --method file with a kernel that carries security.ima.',
  holds: (known) => says(known, /impossible to appraise/i),
};
const IMA_REFUSES: TestedCause = {
  cause: 'the IMA policy does not accept the kernel or initrd: security.ima is missing or wrong',
  remedy: 'Sign the files (evmctl ima_sign), or install them from the package that carries the signatures.',
};
const SECURITY_MODULE: TestedCause = {
  cause: 'a security module (SELinux, AppArmor, ...) forbids it',
  remedy: 'Look for the denial in the audit log (ausearch -m avc, journalctl -k).',
};
const OTHER_LOADER: TestedCause = {
  cause: 'another load or unload was going on for two seconds',
  remedy: 'Wait for the other loader (kdump, kexec-load services), then try again.',
  holds: (known) => (says(known, /CPUs are stuck/i) === true ? false : undefined),
};
const STUCK_CPUS: TestedCause = {
  cause: 'secondary processors cannot be taken offline (arm64 spin-table)',
  remedy: 'Boot with maxcpus=1 first, or use firmware that has PSCI.',
  holds: (known) => says(known, /CPUs are stuck/i),
};
const HALF_OF_MEMORY: TestedCause = {
  cause: 'what is loaded takes more than half of memory, which the kernel allows at most',
  remedy: 'Use a smaller initrd, or more memory.',
  holds: (known) =>
    known.loadSize === undefined || known.memoryTotal === undefined
      ? undefined
      : known.loadSize > known.memoryTotal / 2n,
};
const NO_RESERVATION: TestedCause = {
  cause: 'no memory is reserved for a panic kernel',
  remedy: 'Boot with crashkernel=256M on the command line, then load again.',
  holds: (known) => (known.slot === 'normal' ? false : isZero(known.crashSize)),
};
const OUTSIDE_RESERVATION: TestedCause = {
  cause: 'the image does not fit into the memory reserved for a panic kernel',
  remedy: 'Reserve more with crashkernel= on the command line, or use a smaller initrd.',
  holds: (known) => (known.slot === 'crash' && known.crashSize !== 0n ? undefined : false),
};
const NO_HOLE: TestedCause = {
  cause: 'no free range of physical memory is large enough or in reach',
  remedy: 'Use a smaller initrd; `khop plan` shows the memory map.',
  holds: (known) => (known.slot === 'normal' ? undefined : false),
};
const OUT_OF_MEMORY: TestedCause = {
  cause: 'the kernel could not get memory for its copy of the image and initrd, about twice their size',
  remedy: 'Stop what is large, drop caches (sysctl vm.drop_caches=3), or use a smaller initrd.',
};
const NOT_BUILT: (option: string) => TestedCause = (option) => ({
  cause: `the running kernel was built without ${option}`,
  remedy: 'Use the other method (--method), or boot a kernel that has it.',
});
const UNKNOWN_FLAG: TestedCause = {
  cause: 'a flag is not known to the running kernel',
  remedy: 'Leave out --debug and other optional flags.',
};
const BUG = 'Report this with the line above: khop passed what it must not pass.';

const KEXEC_LOAD: Causes = {
  EPERM: [NOT_PRIVILEGED, LOCKED_UNSIGNED, DISABLED, LIMIT_USED_UP, SECCOMP, SECURITY_MODULE],
  EACCES: [IMA_NEEDS_FILE, SECURITY_MODULE],
  EBUSY: [OTHER_LOADER, STUCK_CPUS],
  EINVAL: [
    HALF_OF_MEMORY,
    { cause: 'segments overlap, are more than 16, or one has more bytes than memory', remedy: BUG },
    UNKNOWN_FLAG,
  ],
  EADDRNOTAVAIL: [
    NO_RESERVATION,
    OUTSIDE_RESERVATION,
    { cause: 'a segment is not page aligned, or lies above what the kernel can address', remedy: BUG },
  ],
  ENOMEM: [OUT_OF_MEMORY],
  EFAULT: [{ cause: "a segment's buffer is not readable", remedy: BUG }],
  ENOSYS: [NOT_BUILT('CONFIG_KEXEC'), SECCOMP],
};

const KEXEC_FILE_LOAD: Causes = {
  EPERM: [NOT_PRIVILEGED, LOCKED_UNVERIFIED, DISABLED, LIMIT_USED_UP, SECCOMP, SECURITY_MODULE],
  EACCES: [IMA_REFUSES, SECURITY_MODULE],
  EBUSY: [OTHER_LOADER, STUCK_CPUS],
  EBADF: [{ cause: 'a file is not open for reading', remedy: BUG }],
  EINVAL: [
    {
      cause: 'the command line is longer than the image takes; on x86 30 bytes are kept for elfcorehdr=',
      remedy: 'Shorten the command line, or use --method segments.',
      holds: (known) => ((known.commandLineLength ?? 0) < 255 ? false : undefined),
    },
    HALF_OF_MEMORY,
    {
      cause: 'the image is of a kind that this loader does not take (arm64: a zboot or UKI image)',
      remedy: 'Use --method segments.',
    },
    UNKNOWN_FLAG,
    { cause: 'a file is a pipe or socket', remedy: 'Give the path of a regular file.' },
  ],
  ENOEXEC: [
    {
      cause: "the running kernel's loader does not know this kind of image",
      remedy: 'Check with `khop plan` what the file is; try --method segments.',
    },
  ],
  EADDRNOTAVAIL: [NO_RESERVATION, OUTSIDE_RESERVATION, NO_HOLE],
  ENOMEM: [OUT_OF_MEMORY],
  ETXTBSY: [
    {
      cause: 'the kernel or initrd is open for writing',
      remedy: 'Wait until its writer (a package update) is done.',
    },
  ],
  ENODATA: [
    {
      cause: 'the image carries no signature, and the running kernel asks for one',
      remedy: "Use the distribution's signed kernel.",
    },
  ],
  ENOKEY: [
    {
      cause: 'no keyring that the running kernel asks holds the key that signed the image',
      remedy:
        "Enrol the signer's key (mokutil --import), or use a kernel by a known signer; /proc/keys lists them.",
    },
  ],
  EKEYREJECTED: [
    {
      cause: 'the signature is not by a trusted key, does not match the image, or is on the revocation list',
      remedy: "Use the distribution's signed kernel, unchanged.",
    },
  ],
  EKEYEXPIRED: [
    { cause: 'the key that signed the image has expired', remedy: 'Use a kernel signed by a current key.' },
  ],
  EKEYREVOKED: [
    { cause: 'the key that signed the image is revoked', remedy: 'Use a kernel signed by a current key.' },
  ],
  EBADMSG: [{ cause: 'the signature is damaged', remedy: 'Install the kernel package again.' }],
  ELIBBAD: [
    { cause: 'the image or its signature block is malformed', remedy: 'Install the kernel package again.' },
  ],
  ENOPKG: [
    {
      cause: "the running kernel lacks the signature's digest or public key algorithm",
      remedy: 'Use a kernel signed with another one.',
    },
  ],
  EOPNOTSUPP: [
    { cause: 'the architecture cannot do what a flag asks for', remedy: 'Use --method segments.' },
  ],
  ENOTSUPP: [
    {
      cause: 'the running kernel cannot verify signatures of this kind of image',
      remedy: 'Use --method segments where lockdown is off.',
    },
  ],
  EFBIG: [{ cause: 'a file is larger than the kernel reads (2 GiB)', remedy: 'Use a smaller initrd.' }],
  EIO: [
    {
      cause: 'reading the kernel or initrd from its disk failed',
      remedy: 'Look for disk errors in the kernel log.',
    },
  ],
  EISDIR: [{ cause: 'a folder was given for a file', remedy: 'Give the path of a regular file.' }],
  EFAULT: [{ cause: 'the command line is not readable', remedy: BUG }],
  ENOSYS: [NOT_BUILT('CONFIG_KEXEC_FILE'), SECCOMP],
};

export const CALLS_CAUSES: Readonly<Record<KexecCall, Causes>> = {
  kexec_load: KEXEC_LOAD,
  kexec_file_load: KEXEC_FILE_LOAD,
};

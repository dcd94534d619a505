import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrnoName } from '../../src/machine/errno.ts';
import {
  explainErrno,
  explainedErrnos,
  type KexecCall,
  type LoadCircumstances,
} from '../../src/machine/errno-causes.ts';

const nothing: LoadCircumstances = {
  slot: 'normal',
  hasSysBoot: undefined,
  lockdown: undefined,
  loadDisabled: undefined,
  loadLimit: undefined,
  isContainer: undefined,
  crashSize: undefined,
  memoryTotal: undefined,
  loadSize: undefined,
  commandLineLength: undefined,
  kernelMessages: [],
};
const open: LoadCircumstances = {
  ...nothing,
  hasSysBoot: true,
  lockdown: 'none',
  loadDisabled: false,
  loadLimit: -1,
  isContainer: false,
};

const RETURNED: Readonly<Record<KexecCall, readonly ErrnoName[]>> = {
  // kernel/kexec.c, kernel/kexec_core.c; measured on Debian kernels.
  kexec_load: ['EPERM', 'EACCES', 'EBUSY', 'EINVAL', 'EADDRNOTAVAIL', 'ENOMEM', 'EFAULT', 'ENOSYS'],
  // kernel/kexec_file.c, crypto/asymmetric_keys/verify_pefile.c and pkcs7_*.c.
  kexec_file_load: [
    ...(['EPERM', 'EACCES', 'EBUSY', 'EBADF', 'EINVAL', 'ENOEXEC', 'EADDRNOTAVAIL', 'ENOMEM'] as const),
    ...(['ETXTBSY', 'ENODATA', 'ENOKEY', 'EKEYREJECTED', 'EKEYEXPIRED', 'EKEYREVOKED', 'EBADMSG'] as const),
    ...([
      'ELIBBAD',
      'ENOPKG',
      'EOPNOTSUPP',
      'ENOTSUPP',
      'EFBIG',
      'EIO',
      'EISDIR',
      'EFAULT',
      'ENOSYS',
    ] as const),
  ],
};

for (const call of ['kexec_load', 'kexec_file_load'] as const) {
  test(`every errno that ${call} returns has a cause and a remedy, even when nothing is known`, () => {
    assert.deepEqual([...explainedErrnos(call)].sort(), [...RETURNED[call]].sort());
    for (const errno of RETURNED[call]) {
      const slots = (['normal', 'crash'] as const).map((slot) =>
        explainErrno(call, errno, { ...nothing, slot }),
      );
      for (const { isProven, causes } of slots) {
        assert.equal(isProven, false, `${errno} is proven by nothing`);
        assert.ok(causes.length > 0, `${errno} has no cause`);
        for (const { cause, remedy } of causes) {
          assert.doesNotMatch(cause, /\.$/, cause);
          assert.match(remedy, /^[A-Z].*\.$/, remedy);
        }
      }
    }
  });
}

const proofs: readonly {
  name: string;
  call: KexecCall;
  errno: ErrnoName;
  known: Partial<LoadCircumstances>;
  cause: RegExp;
}[] = [
  {
    name: 'a missing capability',
    call: 'kexec_load',
    errno: 'EPERM',
    known: { hasSysBoot: false },
    cause: /CAP_SYS_BOOT/,
  },
  {
    name: 'lockdown',
    call: 'kexec_load',
    errno: 'EPERM',
    known: { lockdown: 'integrity' },
    cause: /carry no signature/,
  },
  {
    name: 'lockdown with a file',
    call: 'kexec_file_load',
    errno: 'EPERM',
    known: { lockdown: 'confidentiality' },
    cause: /can verify/,
  },
  {
    name: 'lockdown seen only in the kernel log',
    call: 'kexec_load',
    errno: 'EPERM',
    known: {
      lockdown: undefined,
      kernelMessages: ['Lockdown: khop: kexec of unsigned images is restricted; see man kernel_lockdown.7'],
    },
    cause: /lockdown/,
  },
  {
    name: 'the sysctl',
    call: 'kexec_file_load',
    errno: 'EPERM',
    known: { loadDisabled: true },
    cause: /kexec_load_disabled/,
  },
  { name: 'a used-up limit', call: 'kexec_load', errno: 'EPERM', known: { loadLimit: 0 }, cause: /used up/ },
  {
    name: 'IMA without a file',
    call: 'kexec_load',
    errno: 'EACCES',
    known: {
      kernelMessages: [
        'ima: impossible to appraise a kernel image without a file descriptor; try kexec_file_load syscall.',
      ],
    },
    cause: /IMA/,
  },
  {
    name: 'more than half of memory',
    call: 'kexec_load',
    errno: 'EINVAL',
    known: { memoryTotal: 1000n, loadSize: 501n },
    cause: /half of memory/,
  },
  {
    name: 'no crash reservation',
    call: 'kexec_file_load',
    errno: 'EADDRNOTAVAIL',
    known: { slot: 'crash', crashSize: 0n },
    cause: /no memory is reserved/,
  },
  {
    name: 'stuck CPUs',
    call: 'kexec_load',
    errno: 'EBUSY',
    known: { kernelMessages: ["Can't kexec: CPUs are stuck in the kernel."] },
    cause: /spin-table/,
  },
];

for (const { name, call, errno, known, cause } of proofs)
  test(`${name} is proven as the one cause of ${errno}`, () => {
    const { isProven, causes } = explainErrno(call, errno, { ...open, ...known });
    assert.equal(isProven, true);
    assert.equal(causes.length, 1);
    assert.match(causes[0]?.cause ?? '', cause);
  });

test('causes that are ruled out are not named', () => {
  const causes = (known: Partial<LoadCircumstances>, errno: ErrnoName) =>
    explainErrno('kexec_file_load', errno, { ...open, ...known })
      .causes.map(({ cause }) => cause)
      .join('\n');
  assert.match(causes({}, 'EPERM'), /^a security module[^\n]*$/);
  assert.doesNotMatch(causes({ commandLineLength: 100 }, 'EINVAL'), /command line/);
  assert.match(causes({ commandLineLength: 2020 }, 'EINVAL'), /command line/);
  assert.doesNotMatch(causes({ crashSize: 0n }, 'EADDRNOTAVAIL'), /panic kernel/);
  assert.doesNotMatch(
    causes({ slot: 'crash', crashSize: 1n << 28n }, 'EADDRNOTAVAIL'),
    /no memory is reserved/,
  );
});

test('an errno that the calls do not return has no explanation', () => {
  assert.deepEqual(explainErrno('kexec_load', 'EPIPE', nothing), { isProven: false, causes: [] });
  assert.deepEqual(explainErrno('kexec_load', undefined, nothing), { isProven: false, causes: [] });
});

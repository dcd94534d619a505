/**
 * The first and last lines of crashes of each kind, in the wording of several generations: what tells the kind, and
 * no more.
 */
import type { LogEntry } from './oops-log-builder.ts';

/** Lines that say only what the kind is, by wording. */
export const SHORT_PANICS: readonly (readonly [kind: string, entries: readonly LogEntry[]])[] = [
  [
    'hard-lockup',
    [
      [0, 'NMI watchdog: Watchdog detected hard LOCKUP on cpu 3'],
      [0, 'Kernel panic - not syncing: Hard LOCKUP'],
    ],
  ],
  [
    'hard-lockup',
    [
      [0, 'watchdog: CPU2: Watchdog detected hard LOCKUP on cpu 3'],
      [0, 'Kernel panic - not syncing: Hard LOCKUP'],
    ],
  ],
  ['out-of-memory', [[0, 'Kernel panic - not syncing: Out of memory: compulsory panic_on_oom is enabled']]],
  ['out-of-memory', [[0, 'Kernel panic - not syncing: System is deadlocked on memory']]],
  [
    'machine-check',
    [
      [0, 'mce: [Hardware Error]: CPU 0: Machine Check Exception: 5 Bank 4: b200000000070f0f'],
      [0, 'Kernel panic - not syncing: Fatal local machine check'],
    ],
  ],
  [
    'machine-check',
    [
      [0, 'SError Interrupt on CPU1, code 0x00000000bf000002 -- SError'],
      [0, 'Kernel panic - not syncing: Asynchronous SError Interrupt'],
    ],
  ],
  [
    'unknown-nmi',
    [
      [0, 'Uhhuh. NMI received for unknown reason 3d on CPU 0.'],
      [0, 'Kernel panic - not syncing: NMI: Not continuing'],
    ],
  ],
  ['init-killed', [[0, 'Kernel panic - not syncing: Attempted to kill init! exitcode=0x00007f00']]],
  [
    'double-fault',
    [
      [0, 'traps: PANIC: double fault, error_code: 0x0'],
      [4, 'double fault: 0000 [#1] PREEMPT SMP PTI'],
      [0, 'Kernel panic - not syncing: Fatal exception in interrupt'],
    ],
  ],
  [
    'double-fault',
    [
      [0, 'Oops: double fault: 0000 [#1] SMP'],
      [0, 'Kernel panic - not syncing: Fatal exception in interrupt'],
    ],
  ],
  [
    'stack-overflow',
    [
      [
        0,
        'BUG: TASK stack guard page was hit at ffffc90000553ff8 (stack is ffffc90000554000..ffffc90000558000)',
      ],
      [4, 'Oops: stack guard page: 0000 [#1] SMP NOPTI'],
      [0, 'Kernel panic - not syncing: Fatal exception in interrupt'],
    ],
  ],
  [
    'stack-overflow',
    [
      [0, 'Insufficient stack space to handle exception!'],
      [0, 'Kernel panic - not syncing: kernel stack overflow'],
    ],
  ],
  [
    'bug',
    [
      [2, 'kernel BUG at mm/slub.c:448!'],
      [4, 'invalid opcode: 0000 [#1] PREEMPT SMP PTI'],
      [0, 'Kernel panic - not syncing: Fatal exception'],
    ],
  ],
  [
    'bug',
    [
      [2, 'kernel BUG at mm/slub.c:553!'],
      [4, 'Oops: invalid opcode: 0000 [#1] SMP NOPTI'],
      [0, 'Kernel panic - not syncing: Fatal exception'],
    ],
  ],
  [
    'bug',
    [
      [2, 'kernel BUG at lib/list_debug.c:29!'],
      [0, 'Internal error: Oops - BUG: 00000000f2000800 [#1] SMP'],
      [0, 'Kernel panic - not syncing: Oops - BUG: Fatal exception'],
    ],
  ],
  [
    'page-fault',
    [
      [1, 'BUG: unable to handle page fault for address: ffffffffc0a1e0f0'],
      [4, 'Oops: Oops: 0003 [#1] SMP NOPTI'],
      [0, 'Kernel panic - not syncing: Fatal exception'],
    ],
  ],
  [
    'page-fault',
    [
      [1, 'Unable to handle kernel paging request at virtual address ffffc04000004000'],
      [0, 'Internal error: Oops: 0000000096000005 [#1] SMP'],
      [0, 'Kernel panic - not syncing: Oops: Fatal exception'],
    ],
  ],
  ['panic', [[0, 'Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)']]],
  [
    'sysrq',
    [
      [6, 'sysrq: SysRq : Trigger a crash'],
      [1, 'BUG: kernel NULL pointer dereference, address: 0000000000000000'],
      [4, 'Oops: 0002 [#1] SMP PTI'],
    ],
  ],
];

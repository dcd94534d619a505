/**
 * Logs of kernels that die, written as the kernel's sources print them. Each sample is what one kind of crash looks
 * like in one generation of wording; stamps and callers are put on as the tests ask for.
 */

/** How lines are given a prefix. */
export interface LogStyle {
  /** `<4>`, as `dmesg -r` and /proc/kmsg show it. */
  readonly withLevel?: boolean;
  /** `[   12.345678]`. */
  readonly withTime?: boolean;
  /** `[ T123]`: who wrote the line, when the sample's line does not say so itself. */
  readonly caller?: string;
}

/** One line and its level. */
export type LogEntry = readonly [level: number, text: string, caller?: string];

/** The lines as text, 100 µs apart, from 100 s after the start. */
export function writeLog(entries: readonly LogEntry[], style: LogStyle = { withTime: true }): string {
  return entries
    .map(([level, text, own], index) => {
      const caller = own ?? style.caller;
      const time = style.withTime === true ? `[${(100 + index / 10_000).toFixed(6).padStart(12)}]` : '';
      const by = caller === undefined ? '' : `[${caller.padStart(6)}]`;
      const prefix = `${style.withLevel === true ? `<${level}>` : ''}${time}${by}`;
      return `${prefix}${time === '' && by === '' ? '' : ' '}${text}`;
    })
    .join('\n')
    .concat('\n');
}

function lines(level: number, text: string): LogEntry[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => [level, line]);
}

const BOOT = lines(
  6,
  `Linux version 6.1.0-50-amd64 (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0, GNU ld (GNU Binutils for Debian) 2.40) #1 SMP PREEMPT_DYNAMIC Debian 6.1.170-1 (2026-05-28)
Hypervisor detected: KVM
Memory: 2012340K/2096632K available (14342K kernel code, 2336K rwdata, 9068K rodata, 2796K init, 17404K bss, 84036K reserved, 0K cma-reserved)
smp: Brought up 1 node, 2 CPUs
EXT4-fs (vda1): mounted filesystem with ordered data mode. Quota mode: none.`,
);

/** 6.1: a module dereferences NULL on behalf of a shell, after a warning of another module. */
export const NULL_DEREFERENCE_6_1: readonly LogEntry[] = [
  ...BOOT,
  [4, '------------[ cut here ]------------'],
  ...lines(
    4,
    `WARNING: CPU: 0 PID: 312 at net/core/dev.c:3941 dev_loopback_xmit+0xf1/0x110
Modules linked in: crasher(OE) virtio_net zfs(POE) net_failover
CPU: 0 PID: 312 Comm: systemd-network Tainted: P           OE      6.1.0-50-amd64 #1  Debian 6.1.170-1
Hardware name: QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.2-debian-1.16.2-1 04/01/2014
RIP: 0010:dev_loopback_xmit+0xf1/0x110
Code: 48 89 df e8 4f 17 01 00 eb 9a <0f> 0b e9 55 ff ff ff
RSP: 0018:ffffb2f5c0003c98 EFLAGS: 00010246
RAX: 0000000000000000 RBX: ffff9a1e05d4a600 RCX: 0000000000000000
Call Trace:
 <TASK>
 ip_mc_finish_output+0x117/0x150
 ip_mc_output+0x240/0x2a0
 </TASK>
---[ end trace 0000000000000000 ]---`,
  ),
  [6, 'crasher: loading out-of-tree module taints kernel.'],
  [1, 'BUG: kernel NULL pointer dereference, address: 0000000000000010'],
  [1, '#PF: supervisor write access in kernel mode'],
  [1, '#PF: error_code(0x0002) - not-present page'],
  [6, 'PGD 0 P4D 0 '],
  [4, 'Oops: 0002 [#1] PREEMPT SMP PTI'],
  ...lines(
    4,
    `CPU: 1 PID: 742 Comm: tee -a: log Kdump: loaded Tainted: P        W  OE      6.1.0-50-amd64 #1  Debian 6.1.170-1
Hardware name: QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.2-debian-1.16.2-1 04/01/2014
RIP: 0010:crasher_write.cold+0x1d/0x40 [crasher]
Code: 48 c7 c7 28 90 6a c0 e8 9b 1f 4a c1 <c7> 04 25 10 00 00 00 01 00 00 00
RSP: 0018:ffffb2f5c0a77e30 EFLAGS: 00010286
RAX: 0000000000000019 RBX: ffff9a1e0b8a2000 RCX: 0000000000000027
RDX: 0000000000000000 RSI: ffffffff9aee7fb6 RDI: 00000000ffffffff
R13: 0000000000000002 R14: 000055d2e2a3b2a0 R15: 0000000000000000
FS:  00007f1b7f1b3740(0000) GS:ffff9a1e7bd00000(0000) knlGS:0000000000000000
CS:  0010 DS: 0000 ES: 0000 CR0: 0000000080050033
CR2: 0000000000000010 CR3: 0000000003f0e000 CR4: 00000000000006e0
Call Trace:
 <TASK>
 ? __die_body.cold+0x1a/0x1f
 ? page_fault_oops+0xd2/0x2b0
 ? asm_exc_page_fault+0x22/0x30
 ? crasher_write.cold+0x1d/0x40 [crasher]
 proc_reg_write+0x56/0x90
 vfs_write+0xd5/0x400
 ksys_write+0x6b/0xf0
 do_syscall_64+0x55/0xb0
 entry_SYSCALL_64_after_hwframe+0x6e/0xd8
RIP: 0033:0x7f1b7f2b0150
Code: c0 3d 01 f0 ff ff 73 01 c3 48 8b 0d d8 8c 0d 00
RSP: 002b:00007ffd3c1b0b28 EFLAGS: 00000202 ORIG_RAX: 0000000000000001
RAX: ffffffffffffffda RBX: 0000000000000002 RCX: 00007f1b7f2b0150
 </TASK>
Modules linked in: crasher(OE) virtio_net zfs(POE) net_failover failover [last unloaded: dummy]
CR2: 0000000000000010
---[ end trace 0000000000000000 ]---
RIP: 0010:crasher_write.cold+0x1d/0x40 [crasher]
RSP: 0018:ffffb2f5c0a77e30 EFLAGS: 00010286`,
  ),
  [0, 'Kernel panic - not syncing: Fatal exception'],
  [
    0,
    'Kernel Offset: 0x18e00000 from 0xffffffff81000000 (relocation range: 0xffffffff80000000-0xffffffffbfffffff)',
  ],
];

/** 6.12: sysrq-c. */
export const SYSRQ_6_12: readonly LogEntry[] = [
  [6, 'sysrq: Trigger a crash'],
  [0, 'Kernel panic - not syncing: sysrq triggered crash'],
  ...lines(
    4,
    `CPU: 0 UID: 0 PID: 1211 Comm: bash Kdump: loaded Not tainted 6.12.117+deb13-amd64 #1  Debian 6.12.117-1
Hardware name: QEMU Standard PC (i440FX + PIIX, 1996), BIOS rel-1.16.3-0-ga6ed6b701f0a-prebuilt.qemu.org 04/01/2014
Call Trace:
 <TASK>
 dump_stack_lvl+0x5d/0x80
 panic+0x118/0x2e0
 sysrq_handle_crash+0x1a/0x20
 __handle_sysrq.cold+0xa3/0x12a
 write_sysrq_trigger+0x5e/0x70
 proc_reg_write+0x5a/0xa0
 vfs_write+0xf7/0x420
 ksys_write+0x6d/0xf0
 do_syscall_64+0x82/0x190
 ? exc_page_fault+0x7e/0x180
 entry_SYSCALL_64_after_hwframe+0x76/0x7e
RIP: 0033:0x7f2d5de0d1a0
Code: 2d 0e 00 64 c7 00 16 00 00 00 b8 ff ff ff ff c3
RSP: 002b:00007ffc0a2b1a18 EFLAGS: 00000202 ORIG_RAX: 0000000000000001
 </TASK>`,
  ),
];

/** 7.x: a general protection fault in an interrupt, with the wording that begins all oopses with `Oops: `. */
export const GENERAL_PROTECTION_7: readonly LogEntry[] = [
  ...lines(
    4,
    `Oops: general protection fault, probably for non-canonical address 0xdead000000000122: 0000 [#1] SMP NOPTI
CPU: 1 UID: 0 PID: 0 Comm: swapper/1 Tainted: G S         OE       7.2.1-rc1 #3 PREEMPT(lazy)  d3adb33f
Tainted: [S]=CPU_OUT_OF_SPEC, [O]=OOT_MODULE, [E]=UNSIGNED_MODULE
Hardware name: Dell Inc. PowerEdge R640/06NR82, BIOS 2.8.1 06/26/2020
RIP: 0010:mlx5e_poll_rx_cq+0x8f/0x9d0 [mlx5_core]
Code: 4c 8b 6b 10 <49> 8b 45 08 4c 89 e7
RSP: 0018:ffffc90000100e10 EFLAGS: 00010202
RAX: dead000000000122 RBX: ffff888103c0a000 RCX: 0000000000000000
PKRU: 55555554
Call Trace:
 <IRQ>
 mlx5e_napi_poll+0x11e/0x7a0 [mlx5_core 2b0e9f7ac31e4a75a3d5e8f1c0b2a4d6e8f0a1b3]
 __napi_poll+0x2b/0x1b0
 net_rx_action+0x333/0x420
 handle_softirqs+0xdb/0x2c0
 </IRQ>
 <TASK>
 common_startup_64+0x13e/0x148
 </TASK>
Modules linked in: mlx5_core nft_compat foreign(OE+) [last unloaded: ib_core(E)]
---[ end trace 0000000000000000 ]---`,
  ),
  [0, 'Kernel panic - not syncing: Fatal exception in interrupt'],
  [0, '---[ end Kernel panic - not syncing: Fatal exception in interrupt ]---'],
];

/** 7.x: a warning as its headline is written since 6.19, on a machine that panics on warnings. */
export const PANIC_ON_WARN_7: readonly LogEntry[] = [
  [4, '------------[ cut here ]------------'],
  ...lines(
    4,
    `WARNING: fs/ext4/inode.c:3021 at ext4_writepages+0x1a3/0x2b0 [ext4], CPU#3: kworker/u16:2/97
Modules linked in: ext4
CPU: 3 UID: 0 PID: 97 Comm: kworker/u16:2 Not tainted 7.2.1 #1 PREEMPT(voluntary)
Hardware name: QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.2-debian-1.16.2-1 04/01/2014
Workqueue: writeback wb_workfn (flush-254:0)
RIP: 0010:ext4_writepages+0x1a3/0x2b0 [ext4]
Call Trace:
 <TASK>
 do_writepages+0xd0/0x160
 __writeback_single_inode+0x41/0x340
 </TASK>`,
  ),
  [0, 'Kernel panic - not syncing: kernel: panic_on_warn set ...'],
];

/** arm64, 6.12. */
export const ARM64_NULL_6_12: readonly LogEntry[] = [
  [1, 'Unable to handle kernel NULL pointer dereference at virtual address 00000000000000c0'],
  ...lines(
    1,
    `Mem abort info:
  ESR = 0x0000000096000005
  EC = 0x25: DABT (current EL), IL = 32 bits
user pgtable: 4k pages, 48-bit VAs, pgdp=000000004a405000
[00000000000000c0] pgd=0000000000000000, p4d=0000000000000000`,
  ),
  [0, 'Internal error: Oops: 0000000096000005 [#1] PREEMPT SMP'],
  ...lines(
    4,
    `Modules linked in: vc4 hci_uart(C) ipv6
CPU: 2 UID: 0 PID: 415 Comm: kworker/2:3 Tainted: G         C         6.12.30+rpt-rpi-v8 #1  Debian 1:6.12.30-1
Tainted: [C]=CRAP
Hardware name: Raspberry Pi 4 Model B Rev 1.4 (DT)
Workqueue: events output_poll_execute
pstate: 60000005 (nZCv daif -PAN -UAO -TCO -DIT -SSBS BTYPE=--)
pc : drm_atomic_get_crtc_state+0x18/0x1b0
lr : vc4_hdmi_reset_link+0x98/0x160 [vc4]
sp : ffffffc0825bbc00
x29: ffffffc0825bbc00 x28: 0000000000000000 x27: 0000000000000000
x2 : 0000000000000000 x1 : ffffff8042f0a000 x0 : 00000000000000c0
Call trace:
 drm_atomic_get_crtc_state+0x18/0x1b0 (P)
 vc4_hdmi_reset_link+0x98/0x160 [vc4]
 output_poll_execute+0xa8/0x250
 process_one_work+0x178/0x3e0
 ret_from_fork+0x10/0x20
Code: a9bd7bfd 910003fd a90153f3 aa0003f3 (f9406021) 
---[ end trace 0000000000000000 ]---`,
  ),
  [0, 'Kernel panic - not syncing: Oops: Fatal exception'],
];

/** 5.4: a guard page, found by a double fault; a module that calls itself. */
export const STACK_OVERFLOW_5_4: readonly LogEntry[] = [
  [0, 'BUG: stack guard page was hit at 00000000118cab51 (stack is 00000000548b8b77..000000005363ed26)'],
  ...lines(
    4,
    `kernel stack overflow (double-fault): 0000 [#1] SMP NOPTI
CPU: 0 PID: 900 Comm: insmod Tainted: G           O      5.4.0-26-generic #30-Ubuntu
Hardware name: VMware, Inc. VMware Virtual Platform/440BX Desktop Reference Platform, BIOS 6.00 11/12/2020
RIP: 0010:vsnprintf+0x5/0x520
RSP: 0018:ffffbb0d40554000 EFLAGS: 00010086
CR2: ffffbb0d40553ff8 CR3: 0000000ffec46002 CR4: 00000000007706e0
Call Trace:
 recurse+0x2a/0x50 [deep]
 recurse+0x2a/0x50 [deep]
 recurse+0x2a/0x50 [deep]
 do_one_initcall+0x4a/0x1fa
Modules linked in: deep(O+)
---[ end trace eb468d3c47db53bf ]---`,
  ),
  [0, 'Kernel panic - not syncing: Fatal exception in interrupt'],
];

/** 6.12: a task that hangs, and hung_task_panic. */
export const HUNG_TASK_6_12: readonly LogEntry[] = [
  [3, 'I/O error, dev vdb, sector 2048 op 0x1:(WRITE) flags 0x800 phys_seg 1 prio class 0'],
  [3, 'INFO: task dd of all:1234 blocked for more than 120 seconds.'],
  [3, '      Not tainted 6.12.117+deb13-amd64 #1 Debian 6.12.117-1'],
  [3, '"echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.'],
  ...lines(
    6,
    `task:dd of all       state:D stack:0     pid:1234  tgid:1234  ppid:1100   flags:0x00004002
Call Trace:
 <TASK>
 __schedule+0x3f9/0xae0
 schedule+0x27/0xf0
 io_schedule+0x46/0x70
 folio_wait_bit_common+0x13d/0x350
 </TASK>`,
  ),
  [0, 'Kernel panic - not syncing: hung_task: blocked tasks'],
  ...lines(
    4,
    `CPU: 1 UID: 0 PID: 40 Comm: khungtaskd Not tainted 6.12.117+deb13-amd64 #1  Debian 6.12.117-1
Hardware name: QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.2-debian-1.16.2-1 04/01/2014
Call Trace:
 <TASK>
 dump_stack_lvl+0x5d/0x80
 panic+0x118/0x2e0
 watchdog+0x4c3/0x500
 kthread+0xd2/0x100
 </TASK>`,
  ),
];

/** 6.1: a CPU that does not schedule, and softlockup_panic. */
export const SOFT_LOCKUP_6_1: readonly LogEntry[] = [
  [0, 'watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [stuck: one:77]'],
  ...lines(
    4,
    `Modules linked in: stuck(OE)
CPU: 1 PID: 77 Comm: stuck: one Tainted: G           OE      6.1.0-50-amd64 #1  Debian 6.1.170-1
RIP: 0010:spin_forever+0x7/0x10 [stuck]
Call Trace:
 <IRQ>
 ? watchdog_timer_fn+0x1a4/0x200
 </IRQ>
 <TASK>
 kthread+0xd7/0x100
 ret_from_fork+0x1f/0x30
 </TASK>`,
  ),
  [0, 'Kernel panic - not syncing: softlockup: hung tasks'],
  ...lines(
    4,
    `CPU: 1 PID: 77 Comm: stuck: one Tainted: G           OEL     6.1.0-50-amd64 #1  Debian 6.1.170-1
Call Trace:
 <IRQ>
 dump_stack_lvl+0x44/0x5c
 panic+0x118/0x2ed
 watchdog_timer_fn.cold+0xc/0x16
 </IRQ>`,
  ),
];

/** 6.12: RCU stall on CPU 1, reported with backtraces of it and of CPU 0. */
export const RCU_STALL_6_12: readonly LogEntry[] = [
  [3, 'rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:'],
  [3, 'rcu: \t1-...!: (1 GPs behind) idle=4bd4/1/0x4000000000000000 softirq=1421/1421 fqs=5'],
  [3, 'rcu: \t(detected by 0, t=5252 jiffies, g=2125, q=42 ncpus=2)'],
  [6, 'Sending NMI from CPU 0 to CPUs 1:'],
  ...lines(
    4,
    `NMI backtrace for cpu 1
CPU: 1 UID: 0 PID: 500 Comm: looper Not tainted 6.12.117 #1
RIP: 0010:loop_forever+0x3/0x10 [looper]
Call Trace:
 <TASK>
 looper_thread+0x12/0x30 [looper]
 </TASK>
NMI backtrace for cpu 0
CPU: 0 UID: 0 PID: 0 Comm: swapper/0 Not tainted 6.12.117 #1
RIP: 0010:default_idle+0xf/0x20
Call Trace:
 <TASK>
 default_idle_call+0x30/0x100
 </TASK>`,
  ),
  [0, 'Kernel panic - not syncing: RCU Stall'],
];

/** All of the above that are whole. */
export const SAMPLE_LOGS: Readonly<Record<string, readonly LogEntry[]>> = {
  ARM64_NULL_6_12,
  GENERAL_PROTECTION_7,
  HUNG_TASK_6_12,
  NULL_DEREFERENCE_6_1,
  PANIC_ON_WARN_7,
  RCU_STALL_6_12,
  SOFT_LOCKUP_6_1,
  STACK_OVERFLOW_5_4,
  SYSRQ_6_12,
};

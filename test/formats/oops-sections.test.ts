import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseKernelLogText } from '../../src/formats/kernel-log-text.ts';
import { parseOops } from '../../src/formats/oops.ts';
import type { OopsEvent } from '../../src/formats/oops-event.ts';
import { fingerprintOops } from '../../src/formats/oops-fingerprint.ts';

function eventOf(text: string): OopsEvent {
  const { event } = parseOops(parseKernelLogText(text));
  assert.ok(event !== null);
  return event;
}

test('of a KASAN report the trace of the access is taken, not those of who allocated and freed', () => {
  const event = eventOf(`==================================================================
BUG: KASAN: slab-use-after-free in take_object+0x7c/0x3970 [objects]
Read of size 8 at addr ffff888112fb0800 by task reader/5060

CPU: 0 UID: 0 PID: 5060 Comm: reader Tainted: G    B D    O        6.19.0-g990dca9c3b7a #47 PREEMPT(lazy)
Tainted: [B]=BAD_PAGE, [D]=DIE, [O]=OOT_MODULE
Call Trace:
 <TASK>
 dump_stack_lvl+0xc6/0x120
 print_report+0xce/0x660
 ? srso_alias_return_thunk+0x5/0xfbef5
 kasan_report+0xe0/0x110
 take_object+0x7c/0x3970 [objects]
 read_objects+0x10/0x20 [objects]
 </TASK>

Allocated by task 5060:
 kasan_save_stack+0x24/0x50
 make_object+0x1/0x2 [objects]

Freed by task 5061:
 drop_object+0x1/0x2 [objects]
`);
  assert.deepEqual([event.kind, event.instruction?.symbol, event.taint], ['bug', 'take_object', 'GBDO']);
  const symbols = event.traces.flatMap(({ frames }) => frames.map(({ symbol }) => symbol));
  assert.equal(symbols.at(-1), 'read_objects');
  assert.equal(fingerprintOops(event).text, 'bug: take_object [objects] < read_objects [objects]');
});

test('of an RCU stall the CPU that stalls is taken, not RCU’s own thread', () => {
  const event = eventOf(`rcu: INFO: rcu_preempt self-detected stall on CPU
rcu: 	1-...!: (10350 ticks this GP) idle=d22/1/0x4000000000000000 softirq=245645/245647 fqs=34
rcu: rcu_preempt kthread starved for 9709 jiffies! g485629 f0x0 RCU_GP_WAIT_FQS(5) ->state=0x0 ->cpu=0
rcu: RCU grace-period kthread stack dump:
task:rcu_preempt     state:R  running task     stack:28864 pid:   14 ppid:     2 flags:0x00004000
Call Trace:
 __schedule+0x93a/0x26f0
 rcu_gp_kthread+0xd34/0x1980
rcu: Stack dump where RCU GP kthread last ran:
NMI backtrace for cpu 1
CPU: 1 PID: 30525 Comm: spinner Not tainted 5.14.0 #1
RIP: 0010:spin+0x8/0x10
Call Trace:
 spin_thread+0x1/0x2
Kernel panic - not syncing: RCU Stall
`);
  assert.deepEqual([event.comm, event.cpu, event.instruction?.symbol], ['spinner', 1, 'spin']);
  assert.equal(fingerprintOops(event).text, 'rcu-stall: spin < spin_thread');
});

test('a task that RCU waits for is named by its dump', () => {
  const event =
    eventOf(`rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 0-... } 6 jiffies s: 85 root: 0x1/.
Task dump for CPU 0:
task:kworker/u4:4    state:R  running task     stack:    0 pid:  314 ppid:     2 flags:0x00004008
Workqueue: events_unbound check [guard]
Call Trace:
 <TASK>
 check+0x246/0x5c0 [guard]
 </TASK>
`);
  assert.deepEqual(
    [event.cpu, event.comm, event.pid, event.workqueue],
    [0, 'kworker/u4:4', 314, 'events_unbound check [guard]'],
  );
});

test('a panic of the OOM killer is led back to what it said before', () => {
  const report = parseOops(
    parseKernelLogText(`[  50.000001] early invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
[  60.000001] hog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
[  60.000002] CPU: 0 UID: 0 PID: 400 Comm: hog Not tainted 6.12.1 #1
[  60.000003] Mem-Info:
[  60.000004] Kernel panic - not syncing: Out of memory: compulsory panic_on_oom is enabled
`),
  );
  assert.deepEqual(
    [report.event?.kind, report.event?.comm, report.event?.pid],
    ['out-of-memory', 'hog', 400],
  );
  assert.equal(report.panicSeconds, 60.000004);
  assert.deepEqual(
    report.earlier.map(({ comm }) => comm),
    ['early'],
  );
});

test('a log that ends within an oops gives what there is', () => {
  const event = eventOf(`BUG: kernel NULL pointer dereference, address: 0000000000000008
#PF: supervisor read access in kernel mode
Oops: Oops: 0000 [#1] SMP NOPTI
CPU: 3 UID: 0 PID: 77 Comm: wri`);
  assert.deepEqual(
    [event.kind, event.faultAddress, event.cpu, event.panicLine],
    ['null-dereference', '0000000000000008', null, null],
  );
});

test('of two panics the first counts: the second is what came of it', () => {
  const report = parseOops(
    parseKernelLogText(`Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)
CPU: 0 PID: 1 Comm: swapper/0 Not tainted 6.1.0 #1
Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b
`),
  );
  assert.match(report.panicLine!, /VFS/);
  assert.deepEqual(
    report.later.map(({ kind }) => kind),
    ['init-killed'],
  );
});

test('lines that quote a report are none', () => {
  assert.equal(
    parseOops(parseKernelLogText('systemd[1]: Kernel panic - not syncing: was in my log\nmy BUG: x\n')).event,
    null,
  );
});

test('however many warnings come before and after, the panic and the first of them are kept', () => {
  const warning = (index: number) => `WARNING: CPU: 0 PID: ${index} at fs/x.c:1 x+0x1/0x2\n`;
  const many = Array.from({ length: 900 }, (_, index) => warning(index)).join('');
  const report = parseOops(
    parseKernelLogText(`${many}BUG: kernel NULL pointer dereference, address: 0000000000000000
Oops: Oops: 0002 [#1] SMP
CPU: 0 UID: 0 PID: 5 Comm: it Not tainted 6.12.1 #1
Kernel panic - not syncing: Fatal exception
${many}`),
  );
  assert.deepEqual([report.event?.kind, report.event?.comm], ['null-dereference', 'it']);
  assert.match(report.panicLine!, /Fatal exception/);
  assert.equal(report.earlier[0]?.pid, 0);
  assert.equal(report.earlier.at(-1)?.pid, 899);
  assert.ok(report.earlier.length + report.later.length < 200);
});

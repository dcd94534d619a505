import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseKernelLogText } from '../../src/formats/kernel-log-text.ts';
import { type OopsReport, parseOops } from '../../src/formats/oops.ts';
import type { OopsEvent } from '../../src/formats/oops-event.ts';
import { fingerprintOops } from '../../src/formats/oops-fingerprint.ts';
import {
  ARM64_NULL_6_12,
  GENERAL_PROTECTION_7,
  HUNG_TASK_6_12,
  type LogEntry,
  type LogStyle,
  NULL_DEREFERENCE_6_1,
  PANIC_ON_WARN_7,
  RCU_STALL_6_12,
  SAMPLE_LOGS,
  SOFT_LOCKUP_6_1,
  STACK_OVERFLOW_5_4,
  SYSRQ_6_12,
  writeLog,
} from '../support/oops-log-builder.ts';
import { SHORT_PANICS } from '../support/short-panics.ts';

function parse(text: string): OopsReport {
  return parseOops(parseKernelLogText(text));
}

function eventOf(entries: readonly LogEntry[], style?: LogStyle): OopsEvent {
  const { event } = parse(writeLog(entries, style));
  assert.ok(event !== null);
  return event;
}

function symbolsOf(event: OopsEvent): string[] {
  return event.traces.flatMap(({ frames }) => frames.map(({ symbol }) => symbol));
}

test('a NULL dereference on 6.1 gives all that its oops says, and nothing of the user space it came from', () => {
  const report = parse(writeLog(NULL_DEREFERENCE_6_1));
  const event = report.event!;
  assert.equal(event.kind, 'null-dereference');
  assert.equal(report.panicLine, 'Kernel panic - not syncing: Fatal exception');
  assert.deepEqual(
    [event.cpu, event.pid, event.comm, event.taint, event.release, event.build],
    [1, 742, 'tee -a: log', 'PWOE', '6.1.0-50-amd64', '#1  Debian 6.1.170-1'],
  );
  assert.equal(event.hardware, 'QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.2-debian-1.16.2-1 04/01/2014');
  assert.deepEqual(event.instruction, {
    symbol: 'crasher_write.cold',
    offset: 0x1d,
    size: 0x40,
    module: 'crasher',
  });
  assert.equal(event.faultAddress, '0000000000000010');
  assert.equal(event.stackPointer, 'ffffb2f5c0a77e30');
  assert.match(event.code!, /^48 c7 .* <c7> 04 25/);
  const registers = Object.fromEntries(event.registers.map(({ name, value }) => [name, value]));
  assert.equal(registers['RAX'], '0000000000000019');
  assert.equal(registers['R15'], '0000000000000000');
  assert.equal(registers['CR3'], '0000000003f0e000');
  assert.equal(registers['GS'], 'ffff9a1e7bd00000');
  assert.deepEqual(
    event.traces.map(({ stack, frames }) => [stack, frames.length]),
    [['TASK', 9]],
  );
  assert.deepEqual(
    event.traces[0]!.frames.map(({ isReliable }) => isReliable),
    [false, false, false, false, true, true, true, true, true],
  );
  assert.deepEqual(event.modules.slice(0, 3), [
    { name: 'crasher', marks: 'OE' },
    { name: 'virtio_net', marks: '' },
    { name: 'zfs', marks: 'POE' },
  ]);
  assert.equal(event.lastUnloaded, 'dummy');
  assert.equal(event.isInterleaved, false);
});

test('a warning before the oops is told apart from it', () => {
  const { earlier, later } = parse(writeLog(NULL_DEREFERENCE_6_1));
  assert.deepEqual(
    earlier.map(({ kind, cpu, comm, instruction }) => [kind, cpu, comm, instruction?.symbol]),
    [['warning', 0, 'systemd-network', 'dev_loopback_xmit']],
  );
  assert.deepEqual(later, []);
});

test('a crash that was asked for is known by its line and its trace', () => {
  const event = eventOf(SYSRQ_6_12);
  assert.equal(event.kind, 'sysrq');
  assert.equal(event.panicLine, 'Kernel panic - not syncing: sysrq triggered crash');
  assert.equal(event.comm, 'bash');
  assert.equal(event.taint, '');
  assert.equal(event.instruction, null, 'only user space’s registers are shown');
  assert.deepEqual(event.registers, []);
  assert.ok(symbolsOf(event).includes('sysrq_handle_crash'));
});

test('the wording of 7.x is understood: Oops before the name, taint twice, build ids of modules', () => {
  const event = eventOf(GENERAL_PROTECTION_7);
  assert.equal(event.kind, 'general-protection');
  assert.deepEqual(
    [event.release, event.taint, event.faultAddress],
    ['7.2.1-rc1', 'GSOE', 'dead000000000122'],
  );
  assert.deepEqual(
    event.traces.map(({ stack, frames }) => [stack, frames[0]!.symbol, frames[0]!.module]),
    [
      ['IRQ', 'mlx5e_napi_poll', 'mlx5_core'],
      ['TASK', 'common_startup_64', null],
    ],
  );
  assert.deepEqual(event.modules.at(-1), { name: 'foreign', marks: 'OE+' });
});

test('a panic for a warning is led back to the warning, whose headline of 7.x names place, CPU and process', () => {
  const report = parse(writeLog(PANIC_ON_WARN_7));
  const event = report.event!;
  assert.deepEqual([event.kind, event.cpu, event.pid, event.comm], ['warning', 3, 97, 'kworker/u16:2']);
  assert.deepEqual(event.instruction, {
    symbol: 'ext4_writepages',
    offset: 0x1a3,
    size: 0x2b0,
    module: 'ext4',
  });
  assert.equal(event.workqueue, 'writeback wb_workfn (flush-254:0)');
  assert.match(report.panicLine!, /panic_on_warn/);
});

test('arm64 gives pc, lr, sp, x registers and code', () => {
  const event = eventOf(ARM64_NULL_6_12);
  assert.equal(event.kind, 'null-dereference');
  assert.equal(event.faultAddress, '00000000000000c0');
  assert.equal(event.instruction?.symbol, 'drm_atomic_get_crtc_state');
  assert.deepEqual(event.link, { symbol: 'vc4_hdmi_reset_link', offset: 0x98, size: 0x160, module: 'vc4' });
  assert.equal(event.stackPointer, 'ffffffc0825bbc00');
  assert.deepEqual(
    event.registers.filter(({ name }) => ['pstate', 'x29', 'x0'].includes(name)),
    [
      { name: 'pstate', value: '60000005' },
      { name: 'x29', value: 'ffffffc0825bbc00' },
      { name: 'x0', value: '00000000000000c0' },
    ],
  );
  assert.match(event.code!, /\(f9406021\)$/);
  assert.equal(event.panicLine, 'Kernel panic - not syncing: Oops: Fatal exception');
  assert.deepEqual(
    event.traces.map(({ frames }) => frames.length),
    [5],
  );
});

test('a task that hangs is the event, not the watcher that says so', () => {
  const report = parse(writeLog(HUNG_TASK_6_12));
  const event = report.event!;
  assert.deepEqual([event.kind, event.comm, event.pid, event.cpu], ['hung-task', 'dd of all', 1234, null]);
  assert.equal(event.release, '6.12.117+deb13-amd64');
  assert.equal(report.panic?.comm, 'khungtaskd');
});

test('a lockup and a stall name their CPU and process, with backtraces of other CPUs apart', () => {
  const soft = eventOf(SOFT_LOCKUP_6_1);
  assert.deepEqual([soft.kind, soft.cpu, soft.comm, soft.pid], ['soft-lockup', 1, 'stuck: one', 77]);
  const stall = eventOf(RCU_STALL_6_12);
  assert.deepEqual([stall.kind, stall.cpu, stall.comm], ['rcu-stall', 1, 'looper']);
  assert.deepEqual(
    stall.traces.map(({ cpu, frames }) => [cpu, frames[0]!.symbol]),
    [
      [null, 'looper_thread'],
      [0, 'default_idle_call'],
    ],
  );
});

test('each kind of end is known by its lines, of any generation', () => {
  for (const [kind, entries] of SHORT_PANICS) {
    const { event, earlier, later } = parse(writeLog(entries));
    assert.equal(event?.kind, kind, entries.map(([, text]) => text).join(' / '));
    assert.deepEqual([...earlier, ...later], [], `${kind} is one event`);
  }
});

test('the same facts come out of a log with levels, callers, or no prefix at all', () => {
  for (const [name, entries] of Object.entries(SAMPLE_LOGS)) {
    const plain = { ...eventOf(entries, {}), seconds: null };
    for (const style of [
      { withLevel: true, withTime: true },
      { withTime: true, caller: 'T742' },
      { withTime: true, withLevel: true, caller: 'C1' },
      { withLevel: true },
    ])
      assert.deepEqual({ ...eventOf(entries, style), seconds: null }, plain, name);
  }
});

test('two CPUs that report at once are kept apart by their callers', () => {
  const one = NULL_DEREFERENCE_6_1.slice(-45).map(([level, text]): LogEntry => [level, text, 'T742']);
  const other = PANIC_ON_WARN_7.slice(0, -1).map(([level, text]): LogEntry => [level, text, 'T97']);
  const start = one.findIndex(([, text]) => text.startsWith('BUG: '));
  const mixed: LogEntry[] = [];
  for (const [index, entry] of one.slice(start).entries()) {
    mixed.push(entry);
    const between = other[index - 3];
    if (between !== undefined) mixed.push(between);
  }
  const report = parse(writeLog(mixed));
  const alone = eventOf(one.slice(start));
  assert.deepEqual({ ...report.event!, seconds: 0 }, { ...alone, seconds: 0 });
  assert.deepEqual(
    report.later.map(({ kind, comm }) => [kind, comm]),
    [['warning', 'kworker/u16:2']],
  );
  const nameless = parse(writeLog(mixed.map(([level, text]) => [level, text])));
  assert.ok(
    [nameless.event, ...nameless.earlier, ...nameless.later].some((event) => event?.isInterleaved),
    'without callers it is said that they are mixed',
  );
});

test('a log that a terminal of 80 columns had wrapped gives the same facts', () => {
  const wrapped = writeLog(NULL_DEREFERENCE_6_1)
    .split('\n')
    .flatMap((line) => line.match(/.{1,80}/g) ?? [''])
    .join('\n');
  assert.deepEqual(parse(wrapped).event, parse(writeLog(NULL_DEREFERENCE_6_1)).event);
});

test('the same crash has the same fingerprint at another address, offset, time, CPU and process', () => {
  const moved = NULL_DEREFERENCE_6_1.map(
    ([level, text]): LogEntry => [
      level,
      text
        .replaceAll(/\+0x[0-9a-f]+\/0x[0-9a-f]+/g, '+0x7/0x99')
        .replaceAll(/\bffff[0-9a-f]{12}\b/g, 'ffff888812345678')
        .replace('CPU: 1 PID: 742 Comm: tee -a: log', 'CPU: 0 PID: 9 Comm: cat')
        .replaceAll('.cold', '.isra.0'),
    ],
  );
  assert.deepEqual(fingerprintOops(eventOf(moved)), fingerprintOops(eventOf(NULL_DEREFERENCE_6_1)));
  const prints = Object.values(SAMPLE_LOGS).map((entries) => fingerprintOops(eventOf(entries)).id);
  assert.equal(new Set(prints).size, prints.length, 'different crashes differ');
});

test('where a stack that overflows happens to end does not change its fingerprint', () => {
  const elsewhere = STACK_OVERFLOW_5_4.map(
    ([level, text]): LogEntry => [level, text.replace('vsnprintf+0x5/0x520', 'memcpy_orig+0x1/0x2')],
  );
  assert.equal(eventOf(elsewhere).faultAddress, 'ffffbb0d40553ff8', 'not the hashed one of the headline');
  assert.equal(fingerprintOops(eventOf(elsewhere)).text, 'stack-overflow: recurse [deep]');
  assert.deepEqual(fingerprintOops(eventOf(elsewhere)), fingerprintOops(eventOf(STACK_OVERFLOW_5_4)));
});

test('a log without any report has no event', () => {
  assert.deepEqual(parse('[    0.000000] Linux version 6.1.0 (x)\n[   11.000000] all is well\n'), {
    event: null,
    panicLine: null,
    panicSeconds: null,
    panic: null,
    earlier: [],
    later: [],
  });
});

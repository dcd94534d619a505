import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crashMoments } from '../../../tools/bench/crash-moments.ts';
import { GUARD_METHODS } from '../../../tools/bench/guard-methods.ts';

/** A line each second of the host; the emulator uses half of it. */
function linesOf(...texts: readonly string[]) {
  return texts.map((text, second) => ({ text, wallMs: 1000 * second, cpuMs: 500 * second }));
}

function signsOf(id: string) {
  const method = GUARD_METHODS.find((one) => one.id === id);
  assert.ok(method);
  return method.signs;
}

const READY = { wallMs: 60_000, cpuMs: 30_000 };

const KHOP = [
  'lab login: ',
  '[   30.1] Kernel panic - not syncing: sysrq triggered crash',
  '[    1.2] khop: captured 1204',
  '[    1.9] khop: report 1911',
  'Welcome to \u001b[1mDebian GNU/Linux 12 (bookworm)\u001b[0m!',
];

const KDUMP_TOOLS = [
  '[   30.1] Kernel panic - not syncing: sysrq triggered crash',
  'Welcome to \u001b[1mDebian GNU/Linux 12 (bookworm)\u001b[0m!',
  '[    9.1] kdump-tools[201]: kdump-config: saved dmesg content in /var/crash/202601010000.',
  '[    9.2] kdump-tools[201]: running makedumpfile -F -c -d 31 /proc/vmcore | compress > /var/crash/x.',
  '[   29.9] kdump-tools[201]: kdump-config: saved vmcore in /var/crash/202601010000.',
  'Welcome to \u001b[1mDebian GNU/Linux 12 (bookworm)\u001b[0m!',
];

test('moments are counted from the line of the panic, by both clocks', () => {
  assert.deepEqual(crashMoments(linesOf(...KHOP), READY, signsOf('guard-khop-seabios')), {
    capture: { wallMs: 1000, cpuMs: 500 },
    report: { wallMs: 2000, cpuMs: 1000 },
    home: { wallMs: 3000, cpuMs: 1500 },
    ready: { wallMs: 59_000, cpuMs: 29_500 },
  });
});

test('a capture kernel that starts systemd is not taken for home, and its report is safe after its sync', () => {
  const found = crashMoments(linesOf(...KDUMP_TOOLS), READY, signsOf('guard-kdump-seabios'));
  const seconds = Object.entries(found).map(([name, { wallMs }]) => `${name} ${wallMs / 1000}`);
  assert.deepEqual(seconds, ['capture 1', 'report 3', 'dump 4', 'home 5', 'ready 60']);
});

test('a console on which a step is missing gives an error that names it, and no time', () => {
  for (const [without, message] of [
    [/Kernel panic/, /no panic/],
    [/captured/, /no capture kernel/],
    [/report/, /no report/],
    [/Welcome/, /no welcome of systemd/],
  ] as const) {
    const lines = linesOf(...KHOP.filter((line) => !without.test(line)));
    assert.throws(() => crashMoments(lines, READY, signsOf('guard-khop-seabios')), {
      code: 'E_LAB',
      message,
    });
  }
});

test('a report that comes only after home is none: the machine was back without it', () => {
  const [login = '', panic = '', captured = '', report = '', welcome = ''] = KHOP;
  assert.throws(
    () =>
      crashMoments(linesOf(login, panic, captured, welcome, report), READY, signsOf('guard-khop-seabios')),
    { code: 'E_LAB', message: /no report/ },
  );
});

/**
 * `npm start`: a Debian machine in QEMU switches from one Debian kernel to another, beside the same machine's
 * reboot through its firmware.
 * @module
 */

import { renderMilliseconds } from '../src/cli/render/quantity.ts';
import { renderTable } from '../src/cli/render/table.ts';
import { startFullMachine, waitForSystem } from '../src/lab/full-machine.ts';
import type { VirtualMachine } from '../src/lab/virtual-machine.ts';

const COMMAND = { timeoutMs: 120_000 };
const JUMP_TIMEOUT_MS = 300_000;
const SIGN_OF_LIFE_MS = 20_000;

/** Seconds of the host's clock, from the command. */
interface Journey {
  readonly from: string;
  readonly to: string;
  /** Until the new kernel's agent answers: user space is up. */
  readonly answersMs: number;
  /** Until systemd has started everything. */
  readonly runningMs: number;
}

if (process.argv.includes('--help')) {
  console.log(
    'usage: npm start\n\nShows khop switching kernels in a virtual machine. The first run makes the machine.',
  );
  process.exit(0);
}
const started = performance.now();
progress(
  'making a Debian machine with two kernels (the first run downloads and builds, some minutes; later runs reuse it)',
);
await using machine = await whileSayingSo('still making it', async () =>
  startFullMachine({ firmware: 'seabios', cpus: 1 }),
);
progress('the machine is up');
await show(machine, 'uname -r');
await show(machine, 'khop list');
const target = await releaseOf(machine, '6.12');
await show(machine, `khop switch ${target} --no-trial --dry-run`);
await show(machine, `khop prepare ${target}`);
progress(`khop switch ${target} --fast: load, stop services in order, jump`);
const byKhop = await journey(machine, `khop switch ${target} --fast --no-trial --yes`);
console.log((await machine.readOutput()).trimEnd());
await show(machine, 'uname -r');
await show(machine, 'mount-khop 2>/dev/null; khop arrive >/dev/null; khop history');
progress('the same machine, restarted through firmware and boot loader');
const byFirmware = await journey(machine, 'systemctl reboot');
await show(machine, 'uname -r');
report(byKhop, byFirmware);
progress('done');

function progress(text: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  process.stderr.write(`[${seconds.padStart(4)} s] ${text}\n`);
}

/** A person who waits for minutes wants to know that something goes on. */
async function whileSayingSo<T>(text: string, work: () => Promise<T>): Promise<T> {
  const timer = setInterval(() => progress(text), SIGN_OF_LIFE_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

async function show(guest: VirtualMachine, command: string): Promise<void> {
  const { stdout, stderr } = await guest.run(command, COMMAND);
  console.log(`\nguest# ${command.replace(/^mount-khop.*?; khop arrive.*?; /, '')}`);
  console.log(`${stderr}${stdout}`.trimEnd());
}

async function releaseOf(guest: VirtualMachine, line: string): Promise<string> {
  const { stdout } = await guest.run(['khop', 'list', '--json'], COMMAND);
  const { kernels } = JSON.parse(stdout) as { kernels: readonly { id: string; release: string | null }[] };
  const found = kernels.find((kernel) => kernel.release?.startsWith(`${line}.`));
  if (found === undefined) throw new Error(`the machine has no kernel ${line}`);
  return found.id;
}

async function journey(guest: VirtualMachine, command: string): Promise<Journey> {
  const before = await guest.waitForHello(1000);
  const begin = performance.now();
  await guest.start(command);
  const after = await guest.waitForNewKernel(before.bootId, JUMP_TIMEOUT_MS);
  const answersMs = performance.now() - begin;
  await waitForSystem(guest);
  return { from: before.release, to: after.release, answersMs, runningMs: performance.now() - begin };
}

function report(byKhop: Journey, byFirmware: Journey): void {
  const row = (name: string, { from, to, answersMs, runningMs }: Journey) => [
    name,
    `${from} -> ${to}`,
    renderMilliseconds(answersMs),
    renderMilliseconds(runningMs),
  ];
  console.log('');
  console.log(
    renderTable([
      ['', 'KERNELS', 'USER SPACE ANSWERS', 'ALL SERVICES UP'],
      row('khop switch --fast', byKhop),
      row('reboot through firmware', byFirmware),
    ]),
  );
  console.log('\nTimes are of an emulated machine: compare them with each other, not with real ones.');
}

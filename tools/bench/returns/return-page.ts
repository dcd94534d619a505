/**
 * docs/returns.md, made from a report.
 * @module
 */
import { renderMarkdownTable } from '../page.ts';
import type { BenchReport, ReturnRow } from '../report.ts';
import { FAULT_CLASSES } from './fault-classes.ts';
import { returnGoals } from './return-goals.ts';
import { RETURN_METHODS } from './return-methods.ts';
import { returnSummary, returnTable } from './return-tables.ts';

const INTRODUCTION = `# Home from a kernel that fails

How soon a machine is back on its known-good kernel when a new one fails: by khop's trial, and by what boot loaders have for that.
Made by \`npm run bench -- --only returns --docs\`; this page is written from [returns.json](returns.json).

## How it is measured

The full machine of the [benchmark](benchmark.md) with two CPUs and 2 GiB, here with a network card; its known-good kernel is 6.1, and a new 6.12 from the same disk
is started for the first time and fails. The faults are the same for all methods: a file that only the new kernel is started
from, or a unit that only it starts (\`ConditionKernelVersion=\`). Times are seconds of the host, seen from outside:

- from the fault. That is its line on the console: of the panic, of the initramfs that gives up its root (after half a minute, for
  all methods), or a line that the unit has the kernel write right before. What is wrong with the kernel's file is found by a boot
  loader, which says nothing there: counted is from the reset that leads to it;
- to the first unit of the known-good kernel's systemd, and to its \`multi-user.target\`: lines that units have the kernel write. What is
  between the two is the same start of the same system for all, which in an emulated machine takes most of the time.

A cell is the way, then both times. In brackets is the CPU time of the emulator in the same interval: that depends less on
what else the host did, but does not count waiting. *Not covered*: 240 s after the fault, or after the last reset, jump or start of
systemd behind it, the known-good kernel had not come (480 s without a network, which both sides only know by waiting), or
the new one had failed twice more. *Not measured* says nothing. The panics of services are on the processor that the firmware
started, those of the initramfs on whichever it runs: after one on another processor khop's trial goes through the firmware, too.
Then the panic kernel takes 15 s here instead of one: the emulator gives all processors one thread in turn, and the first one
of the dead kernel spins (seen by its registers), where hardware would let it.

## What each method was set up with

- *khop trial*: \`khop switch 6.12 --fast\`, its package as it comes. Faults that its checks find before the jump were
  made with the \`--accept\` that they need, but for the damaged file: there khop refuses and stays, so nobody is away. Without a network
  the deadline is 300 s (\`--deadline\`) instead of 600 s. A panic that goes through firmware waits for ten seconds (\`panic=10\`);
- *systemd-boot, boot counting*: Debian 12's 252, an entry \`trial+1.conf\` (one try, the fewest there can be), systemd-bless-boot behind
  boot-complete.target, \`panic=1\`. Its own check for failed units is enabled, with \`FailureAction=reboot\` and after
  network-online.target (systemd-networkd-wait-online with its two minutes): a fresh installation has none of these, and was not measured;
- *GRUB, grub-reboot*: Debian 12's 2.06, the known-good kernel as the default, the new one for the next start only, \`panic=1\`;
- *GRUB, set fallback*: the new kernel as the default, the known-good one as its fallback, \`panic=1\`;
- with a watchdog, the others have \`RuntimeWatchdogSec=30s\`; all boot loaders have \`timeout 0\`.

Emulated firmware has little to do; that of servers takes minutes, which is what a way home without it leaves out.
`;

/** The page; empty tables where the report has no returns. */
export function renderReturnPage(report: BenchReport): string {
  const { returns = [], khop, qemu, host, date } = report;
  const goals = returnGoals(returns).map(({ title, aim, measured = '', isReached }) => [
    ...[title, aim, measured, isReached ? 'yes' : 'no'],
  ]);
  const missed = returns.filter(({ lastLines }) => lastLines !== undefined);
  return [
    INTRODUCTION,
    `## What was seen\n\n${renderMarkdownTable(returnTable(returns))}\n`,
    `${renderMarkdownTable(returnSummary(returns))}\n`,
    ...(missed.length === 0
      ? []
      : [`Not covered, and what the machine said last:\n\n${missed.map(missedLine).join('\n')}\n`]),
    `## Goals\n\n${renderMarkdownTable([['Goal', 'Aim', 'Measured', 'Reached'], ...goals])}\n`,
    `## Where\n\nkhop ${khop}, ${qemu}, on ${host}, ${date.slice(0, 10)}.${describeLoad(returns)}\n`,
  ].join('\n');
}

/** What the runs had to share the host with. */
function describeLoad(rows: readonly ReturnRow[]): string {
  const loads = rows.flatMap(({ loadAverage }) => loadAverage ?? []);
  if (loads.length === 0) return '';
  const [least, most] = [Math.min(...loads), Math.max(...loads)].map((load) => load.toFixed(1));
  return ` The host's load average when a run began was ${least} to ${most}: where that differs, compare the CPU times.`;
}

function missedLine({ class: fault, method, outcome, lastLines = [] }: ReturnRow): string {
  const words =
    lastLines
      .at(-1)
      ?.replaceAll(/[^ -~]+(\[[\d;]*m)?/g, '')
      .replaceAll('`', "'") ?? '';
  return `- ${titleOf(FAULT_CLASSES, fault)}, ${titleOf(RETURN_METHODS, method)}: ${outcome}; \`${words.trim()}\``;
}

function titleOf(known: readonly { readonly id: string; readonly title: string }[], wanted: string): string {
  return known.find(({ id }) => id === wanted)?.title ?? wanted;
}

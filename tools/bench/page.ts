/**
 * docs/benchmark.md, made from a report.
 * @module
 */
import { renderBytes, renderMilliseconds } from '../../src/cli/render/quantity.ts';
import { goalTable } from './goals.ts';
import type { BenchReport, KernelResult } from './report.ts';
import { blackoutTable, downtimeTable, loadStepTable, phaseTable, recoveryTable } from './text-report.ts';

const INTRODUCTION = `# Benchmark

How long a machine is away while it switches kernels: the *blackout*, from the old user space's last
instruction, the call \`reboot(LINUX_REBOOT_CMD_KEXEC)\`, to the first instruction of the new kernel's init.
Made by \`npm run bench -- --docs\`; this page is written from [benchmark.json](benchmark.json).

![Blackouts as bars](benchmark.svg)

## How it is measured

An emulated machine (QEMU, q35, SeaBIOS, one CPU, 2 GiB) counts its own instructions (\`-icount shift=0\`):
one instruction is one nanosecond of every clock in the guest, so the numbers are the same on any host and
under any load. They are instructions, not seconds: memory latency and wide vector units do not show, and
what waits for real devices or firmware takes longer on real machines.

All methods start the same unmodified Debian kernel (it and the old one are the same), the same initramfs of a
Debian installation (MODULES=most with LVM and LUKS, zstd) and the same command line, with KASLR on, from the
same saved state. \`--fast\` is allowed what it does on real machines: to trim that initramfs for this machine
and to add boot parameters. A program of a hundred bytes reads the time stamp counter and calls \`reboot\`;
another one is the new kernel's init and reads it again. Where a method ran more than once, the table has the
median and the spread, (largest - smallest) / median.

A reboot through firmware is counted from \`reboot(LINUX_REBOOT_CMD_RESTART)\` to the same init, on a disk whose
boot loader waits for nobody. Emulated firmware has little to do; that of servers takes minutes.
`;

const LOAD_STEP = `## Loading

What is done while the machine still serves, with initramfs that cannot be compressed: CPU time of the whole
command (a nanosecond an instruction; the files are in the page cache), the largest resident memory of a process,
and the peak of memory that is its own: what its control group was charged (memory.peak), without pages of files
that the page cache has anyway. khop maps the prepared files, gives back what the kernel has read of them, and
copies only the parts of the kernel that it relocates; kexec-tools reads into buffers of its own.
\`kexec_file_load\` keeps its copies in the kernel, where they do not show. khop's time has Node.js starting and
every check of the preflight in it. For \`--fast\` the kernel was prepared before, once.
`;

const DOWNTIME = `## A whole machine

Debian 12 with systemd, one CPU, its own 6.1 kernel and initramfs again. A client outside asks a small HTTP
service every 50 ms; the time is from the last answer of the old kernel to the first of the new one, shutdown
and start of all services included. This is wall time of an emulated machine and of whatever else its host did:
the emulator's CPU time in the same interval depends less on that. Compare the rows with each other, not with
real machines. *To the new kernel* is the way down and what is between the kernels: unpacking, or firmware and
boot loader. The times after it are by the new kernel's clock, from its start.
A service that is stopped first and started last is away for all of that, whoever switches.
`;

const RECOVERY = `## After a panic

The same full machine, here with two CPUs and 1 GiB, dies of \`echo c >/proc/sysrq-trigger\`, on the processor that the firmware started,
once with khop's guard armed by \`khop guard on\` and once with Debian 12's kdump-tools and makedumpfile as their packages
configure themselves. Every panic starts from a checkpoint of the armed machine. Times are from the kernel's
panic line to a line of the console:

- *capture starts*: the first line of the capture kernel's user space;
- *report on disk*: the first line after the kernel's log was saved and synced. khop also saves what its report
  parses; kdump-tools the log as text;
- *dump on disk*: kdump-tools always saves a filtered copy of the memory (\`makedumpfile -c -d 31\`) before it restarts. khop
  does so, by the same program, when it is asked to: the row without a dump did less, and says nothing of one with it;
- *home*: systemd's first line in the known-good kernel, which has the same memory and CPUs as before;
- *all started*: systemd is done, the next panic kernel is loaded, and a program on the host has asked.

Beside each time, in brackets, is the CPU time that the emulator used by then: that depends less on what else the host
did. kdump-tools' way home is a reboot through firmware and GRUB, with \`timeout=0\`; emulated firmware
has little to do, that of servers takes minutes. After a panic on another processor than that one khop goes through
the firmware, too.
`;

/** The page. */
export function renderPage(report: BenchReport): string {
  const sections = [
    INTRODUCTION,
    ...Object.entries(report.kernels).map(([line, result]) => kernelSection(line, result)),
  ];
  if (report.loadStep !== undefined)
    sections.push(`${LOAD_STEP}\n${renderMarkdownTable(loadStepTable(report.loadStep))}\n`);
  if (report.downtime !== undefined)
    sections.push(`${DOWNTIME}\n${renderMarkdownTable(downtimeTable(report.downtime))}\n`);
  if (report.recovery !== undefined)
    sections.push(`${RECOVERY}\n${renderMarkdownTable(recoveryTable(report.recovery))}\n`);
  if (report.startUp !== undefined) {
    const { khopVersionMs, bareNodeMs } = report.startUp;
    sections.push(
      `## Starting\n\n\`khop --version\` of the packaged executable takes ${renderMilliseconds(khopVersionMs)} of wall time on this host, ` +
        `\`node -e 0\` ${renderMilliseconds(bareNodeMs)} (medians of 20).\n`,
    );
  }
  sections.push(`## Goals\n\n${renderMarkdownTable(goalTable(report))}\n`);
  sections.push(
    `## Where\n\nkhop ${report.khop}, ${report.qemu}, on ${report.host}, ${report.date.slice(0, 10)}.\n`,
  );
  return sections.join('\n');
}

function kernelSection(line: string, result: KernelResult): string {
  const { release, imageBytes, initrdBytes, phases } = result;
  const sizes = `Kernel ${release}: image ${renderBytes(imageBytes)}, initramfs ${renderBytes(initrdBytes)}.`;
  const parts = [`## Linux ${line}\n`, `${sizes}\n`, `${renderMarkdownTable(blackoutTable(result))}\n`];
  const commits = new Set(result.methods.flatMap(({ commit }) => commit ?? []));
  for (const commit of commits) {
    const titles = result.methods.filter((method) => method.commit === commit).map(({ title }) => title);
    parts.push(`Measured with commit ${commit}: ${titles.join('; ')}.\n`);
  }
  if (commits.size > 0 && result.methods.some(({ commit }) => commit === undefined))
    parts.push('The other rows are of earlier runs.\n');
  if (Object.keys(phases).length > 0)
    parts.push(
      'Where they go, with KASLR off so that the addresses of functions are known. Initcalls that run while the',
      'initramfs is unpacked count as unpacking.\n',
      `${renderMarkdownTable(phaseTable(result))}\n`,
    );
  return parts.join('\n');
}

/** The first row is the header; columns of numbers are aligned to the right. */
export function renderMarkdownTable(rows: readonly (readonly string[])[]): string {
  const [header = [], ...body] = rows;
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [
    line(header),
    line(header.map((_, column) => (column === 0 ? '---' : '---:'))),
    ...body.map(line),
  ].join('\n');
}

/**
 * Dumps of kernels that really panicked, against what the field's own tools read out of them.
 * @module
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readCpuTraces } from '../../src/formats/vmcore/cpu-traces.ts';
import type { KernelMemory } from '../../src/formats/vmcore/kernel-memory.ts';
import type { KernelLine } from '../../src/lab/kernel-store.ts';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import { assertSameLog, logOf, withKernel } from '../support/dump-logs.ts';
import { type DumpOracles, dumpOracles } from '../support/dump-oracles.ts';
import { writeKexecVmcore } from '../support/kexec-vmcore.ts';

const COMMAND = { timeoutMs: 60_000 };
const PANIC_DEADLINE_MS = 60_000;

/** Lines that a log has seldom, and enough of them to send the ring round once. */
const LOG_SCRIPT = `
echo "khop: h\u00e9llo" > /dev/kmsg
printf 'two\\nlines\\001x\\\\y\\n' > /dev/kmsg
for i in $(seq 1 300); do echo "<$((i % 8))>filler $i with words that make the line longer" > /dev/kmsg; done`;

/** Panics on CPU 1 and writes the machine's memory to `folder`, as ELF and as a flattened kdump file. */
async function dumpPanickedMachine(kernel: KernelLine, folder: string): Promise<void> {
  await using machine = await startSmallMachine({
    kernel,
    kernelsToHopTo: [kernel],
    cpus: 2,
    memoryMib: 256,
    kernelArguments: 'panic=0',
    withoutKhop: true,
  });
  await machine.run(LOG_SCRIPT, COMMAND);
  const hasPanicked = Promise.withResolvers<void>();
  machine.console.onLine((line) => {
    if (line.includes('end Kernel panic')) hasPanicked.resolve();
  });
  await machine.start('taskset 2 sh -c "echo c > /proc/sysrq-trigger"');
  const late = sleep(PANIC_DEADLINE_MS, 'late', { ref: false });
  assert.notEqual(await Promise.race([hasPanicked.promise, late]), 'late', machine.console.tail.join('\n'));
  for (const format of ['elf', 'kdump-zlib'])
    await machine.qmp.execute(
      'dump-guest-memory',
      { paging: false, protocol: `file:${join(folder, format)}`, format },
      120_000,
    );
}

/**
 * makedumpfile prints a byte above 0x7f as the int that C makes of a char, and since 1.7.6 who wrote a record, which
 * khop does when it is asked to decode.
 */
function asWithoutCallers(text: string): string {
  return text
    .replaceAll(/\\xffffff([89a-f][0-9a-f])/g, '\\x$1')
    .replaceAll(/^(\[ *\d+\.\d{6}\] )\[ *[TC]\d+\] /gm, '$1')
    .replaceAll(/\n {26}/g, `\n${' '.repeat(15)}`);
}

/** vmcore-dmesg does not indent what follows a newline within a record. */
function withoutIndent(text: string): string {
  return text.replaceAll(/\n {15}/g, '\n');
}

async function compareWithOracles(oracles: DumpOracles, folder: string, log: string): Promise<void> {
  const vmcore = join(folder, 'vmcore');
  withKernel(join(folder, 'elf'), (memory) => writeKexecVmcore(memory, vmcore));
  assertSameLog(logOf(vmcore), log, 'khop on /proc/vmcore');
  await oracles.makedumpfile('--dump-dmesg', vmcore, join(folder, 'dmesg'));
  assertSameLog(log, asWithoutCallers(await readFile(join(folder, 'dmesg'), 'utf8')), 'makedumpfile');
  assertSameLog(withoutIndent(log), withoutIndent(await oracles.vmcoreDmesg(vmcore)), 'vmcore-dmesg');
  for (const options of [
    ['-c', '-d', '31'],
    ['-l', '-d', '31'],
    ['-z', '-d', '31'],
    ['-d', '17'],
    ['-E', '-d', '31'],
  ]) {
    const filtered = join(folder, `filtered${options.join('')}`);
    await oracles.makedumpfile(...options, vmcore, filtered);
    assertSameLog(logOf(filtered), log, `khop on makedumpfile ${options.join(' ')}`);
    await rm(filtered);
  }
}

for (const kernel of ['6.1', '6.12', '7.2'] as const)
  test(`khop reads from a panicked ${kernel} what makedumpfile and vmcore-dmesg read, and the kernel's own trace`, {
    timeout: 300_000,
  }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'khop-dumps-'));
    try {
      await dumpPanickedMachine(kernel, folder);
      const log = logOf(join(folder, 'elf'));
      assert.ok(
        /khop: h\\xc3\\xa9llo\n.*two\n {15}lines\\x01x\\y\n/.test(log),
        'the lines written to /dev/kmsg',
      );
      assert.ok(
        /filler 300 .*\n[\s\S]*end Kernel panic - not syncing: sysrq triggered crash \]---\n$/.test(log),
        'the end of the log',
      );
      assertSameLog(logOf(join(folder, 'kdump-zlib')), log, 'khop on kdump-zlib');
      withKernel(join(folder, 'elf'), (memory) => compareWithKernelTrace(memory, log));
      await compareWithOracles(await dumpOracles(), folder, log);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

/** The calls that the kernel itself printed, without those that it marks with `?`. */
function compareWithKernelTrace(memory: KernelMemory, log: string): void {
  const printed = log.slice(log.lastIndexOf('Call Trace:')).split('\n');
  const calls = printed.flatMap(
    (line) => /^\[ *[\d.]+\] +([\w.]+\+0x[0-9a-f]+\/0x[0-9a-f]+)$/.exec(line)?.[1] ?? [],
  );
  const traces = readCpuTraces(memory);
  assert.deepEqual(
    traces.map(({ cpu, hasPanicked }) => [cpu, hasPanicked]),
    [
      [0, false],
      [1, true],
    ],
  );
  const ours = traces[1]!.trace.frames.map(({ symbol, certainty }) =>
    certainty === 'certain' && symbol !== undefined
      ? `${symbol.name}+0x${symbol.offset.toString(16)}/0x${symbol.size.toString(16)}`
      : '?',
  );
  // Above sysrq_handle_crash both saw the same calls; below, panic() went on after it had printed.
  const from = calls.findIndex((call) => call.startsWith('sysrq_handle_crash+'));
  assert.ok(from > 0, printed.slice(0, 20).join('\n'));
  assert.deepEqual(ours.slice(ours.indexOf(calls[from]!)), calls.slice(from));
  assert.equal(traces[1]!.trace.end, 'called from user space');
  assert.equal(traces[0]!.trace.end, 'the first function of the task');
}

/**
 * `npm run bench`: how long a machine is away while it switches kernels.
 * @module
 */
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { renderTable } from '../src/cli/render/table.ts';
import type { KernelLine } from '../src/lab/kernel-store.ts';
import { runProcess } from '../src/machine/run-process.ts';
import { VERSION } from '../src/version.ts';
import { measureKernel } from './bench/kernel-result.ts';
import { METHODS } from './bench/methods.ts';
import type { BenchReport, KernelResult } from './bench/report.ts';
import { describeKernel } from './bench/text-report.ts';

const HELP = `usage: npm run bench -- [--quick] [--json FILE] [--kernel LINE]... [--method ID]... [--repeat N]

Measures the blackout: from the old user space's last instruction, the call reboot(LINUX_REBOOT_CMD_KEXEC),
to the first instruction of the new kernel's init, in guest instructions of an emulated machine (QEMU,
-icount: one instruction is one nanosecond of the guest). Such numbers repeat to 0.1 % on any host.

  --quick        kernel 6.1 only, each method once: some minutes
  --json FILE    write everything that was found to FILE
  --kernel LINE  6.1, 6.12 or 7.2; may be repeated
  --method ID    ${METHODS.map(({ id }) => id).join(', ')}; may be repeated
  --repeat N     jumps of each method: 3 unless told, 1 with --quick

Exit status 1: a method could not be measured; the table says why.`;

const QUICK_METHODS = ['khop-fast', 'khop-file', 'kexec-l', 'kexec-l-i', 'kexec-s'];
const LINES: readonly KernelLine[] = ['6.1', '6.12', '7.2'];

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', short: 'h' },
    quick: { type: 'boolean' },
    json: { type: 'string' },
    kernel: { type: 'string', multiple: true },
    method: { type: 'string', multiple: true },
    repeat: { type: 'string' },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const started = performance.now();
const repetitions = Number(values.repeat ?? (values.quick ? 1 : 3));
const wanted = values.method ?? (values.quick ? QUICK_METHODS : METHODS.map(({ id }) => id));
const methods = METHODS.filter(({ id }) => wanted.includes(id));
const lines = values.kernel ?? (values.quick ? ['6.1'] : LINES);
const kernels: Record<string, KernelResult> = {};
for (const line of LINES.filter((name) => lines.includes(name))) {
  kernels[line] = await measureKernel({ line, methods, repetitions, progress });
  // A run of an hour that is interrupted leaves what it has.
  if (values.json !== undefined) await writeReport(values.json);
}
for (const [line, result] of Object.entries(kernels)) {
  console.log(`\nBlackout with Linux ${line} (${result.release}), guest instructions`);
  console.log(renderTable(describeKernel(result)));
}
process.exitCode = Object.values(kernels).some(hasError) ? 1 : 0;

function hasError(result: KernelResult): boolean {
  return result.methods.some(({ error }) => error !== undefined);
}

function progress(text: string): void {
  process.stderr.write(`[${((performance.now() - started) / 1000).toFixed(0).padStart(5)} s] ${text}\n`);
}

async function writeReport(file: string): Promise<void> {
  const first = Object.values(kernels)[0]?.methods ?? [];
  const { stdout } = await runProcess('qemu-system-x86_64', ['--version'], { timeoutMs: 20_000 });
  const report: BenchReport = {
    khop: VERSION,
    date: new Date().toISOString(),
    qemu: stdout.split('\n')[0] ?? '',
    host: cpus()[0]?.model ?? 'unknown',
    unit: 'guest instructions',
    blackout: Object.fromEntries(
      first.flatMap(({ id, median }) => (median === undefined ? [] : [[id, median]])),
    ),
    errors: Object.fromEntries(first.flatMap(({ id, error }) => (error === undefined ? [] : [[id, error]]))),
    kernels,
  };
  await writeFile(file, `${JSON.stringify(report, null, 2)}\n`);
}

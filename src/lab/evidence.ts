/**
 * What is known of a guest when something in it went wrong: its console, what its last commands wrote, and, of one
 * that does not answer, where its processors are.
 * @module
 */
import { KhopError } from '../error.ts';
import type { Qmp } from './qmp.ts';

const CONSOLE_LINES = 25;
const OUTPUT_LINES = 12;
const MONITOR_TIMEOUT_MS = 3000;

/** Where to look. */
export interface Witness {
  readonly console: { readonly tail: readonly string[]; readonly path: string };
  readonly qmp: Pick<Qmp, 'executeHuman'>;
  /** What commands that nobody waited for have written. */
  readOutput(): Promise<string>;
}

/** `cause` again, with the evidence in its message; what is no KhopError stays as it is. */
export async function withEvidence(cause: unknown, witness: Witness): Promise<unknown> {
  if (!(cause instanceof KhopError)) return cause;
  const { console } = witness;
  const sections = [
    cause.message,
    `The last lines of its console (${console.path}):`,
    quote(console.tail.slice(-CONSOLE_LINES), 'the console is empty'),
  ];
  const output = (await witness.readOutput()).split('\n').filter((line) => line !== '');
  if (output.length > 0)
    sections.push('The last lines of what it was started with:', quote(output.slice(-OUTPUT_LINES), ''));
  if (cause.code === 'E_TIMEOUT') sections.push('Its processors:', quote(await readProcessors(witness), ''));
  return new KhopError(cause.code, sections.join('\n'), { hint: cause.hint, cause });
}

/** A line for each processor: halted or not, and its instruction pointer as QEMU names it. */
async function readProcessors({ qmp }: Witness): Promise<readonly string[]> {
  try {
    const text = await qmp.executeHuman('info registers -a', MONITOR_TIMEOUT_MS);
    const lines = text.split(/\r?\n/);
    const kept = lines.filter((line) => /^CPU#\d|^[ER]IP=|^ ?PC=|^CR[0-4]=/.test(line));
    return kept.map((line) => line.trim()).filter((line) => line !== '');
  } catch (error) {
    return [`not to be had: ${error instanceof Error ? error.message : String(error)}`];
  }
}

function quote(lines: readonly string[], whenEmpty: string): string {
  return lines.length === 0 ? `  (${whenEmpty})` : lines.map((line) => `  | ${line}`).join('\n');
}

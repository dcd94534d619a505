/**
 * Questions that several checks ask of the same facts.
 * @module
 */
import type { MachineFacts } from '../../machine/facts.ts';
import { type Reading, valueOf } from '../../machine/reading.ts';
import type { LoadMethod } from '../load-plan.ts';
import type { PreflightInput } from './preflight-check.ts';

/** What a configuration says of a symbol without `CONFIG_`; `unknown` when it could not be read. */
export type ConfigAnswer = 'built-in' | 'module' | 'off' | 'unknown';

/** The answer of a configuration, as evidence shows it. */
export function configAnswer(config: Reading<ReadonlyMap<string, string>>, symbol: string): ConfigAnswer {
  if (config.state !== 'read') return 'unknown';
  const value = config.value.get(`CONFIG_${symbol}`);
  return value === 'y' ? 'built-in' : value === 'm' ? 'module' : 'off';
}

/** `source: CONFIG_A=y, CONFIG_B is not set`, or why it cannot be said. */
export function configEvidence(
  config: Reading<ReadonlyMap<string, string>>,
  symbols: readonly string[],
): string {
  if (config.state === 'absent') return `${config.source}: absent`;
  if (config.state === 'unreadable') return `${config.source}: unreadable (${config.reason})`;
  const words = symbols.map((symbol) => {
    const value = config.value.get(`CONFIG_${symbol}`);
    return value === undefined || value === 'n' ? `CONFIG_${symbol} is not set` : `CONFIG_${symbol}=${value}`;
  });
  return `${config.source}: ${words.join(', ')}`;
}

/** Whether Secure Boot is on: only then does firmware vouch for what runs. */
export function isSecureBootOn(machine: MachineFacts): boolean {
  const efi = valueOf(machine.efi);
  return efi !== undefined && valueOf(efi.secureBoot) === true;
}

export function isLockedDown(machine: MachineFacts): boolean {
  return machine.lockdown.state === 'read' && machine.lockdown.value !== 'none';
}

/**
 * The method that is asked for or will be taken. `auto` counts as kexec_file_load wherever that call is not
 * known to be missing: the planner tries it first.
 */
export function likelyMethod(input: PreflightInput): LoadMethod {
  if (input.method !== 'auto') return input.method;
  const file = valueOf(input.machine.kexec.kexecFileLoad);
  return file?.state === 'missing' ? 'segments' : 'file';
}

/** Name of the system call behind a method. */
export function callOf(method: LoadMethod): string {
  return method === 'file' ? 'kexec_file_load' : 'kexec_load';
}

/** Lines of the kernel log that match, at most `limit`. */
export function logLines(machine: MachineFacts, pattern: RegExp, limit = 3): string[] {
  const lines = valueOf(machine.kernelLog) ?? [];
  return lines.filter((line) => pattern.test(line)).slice(0, limit);
}

/** Whether a blob such as a flattened device tree contains `text` as ASCII. */
export function containsText(bytes: Uint8Array, text: string): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(text, 0, 'latin1');
}

/** Module names compare with dashes as underscores. */
export function moduleName(name: string): string {
  return name.replaceAll('-', '_');
}

/** Major and minor version and patch of a release such as `6.12.57+deb13-amd64`; undefined when it has none. */
export function versionOf(release: string): readonly [number, number, number] | undefined {
  const match = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(release);
  if (match === null) return undefined;
  return [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
}

/**
 * How long this kernel has been running: a clock that nobody sets.
 * @module
 */
import { KhopError } from '../error.ts';
import { readText } from './source.ts';

/** Milliseconds, /proc/uptime. @throws E_UNREADABLE */
export function readUptimeMs(root: string): number {
  const text = readText(root, '/proc/uptime');
  const seconds = text.state === 'read' ? Number.parseFloat(text.value) : Number.NaN;
  if (Number.isFinite(seconds)) return seconds * 1000;
  throw new KhopError('E_UNREADABLE', `${text.source} does not tell how long the kernel has been running`, {
    hint: 'Check that /proc is mounted.',
  });
}

/**
 * Which of the architectures khop plans for this process runs on.
 * @module
 */
import { KhopError } from '../error.ts';
import type { Architecture } from '../formats/architecture.ts';

/**
 * The architecture this process runs on.
 * @throws E_UNSUPPORTED on any other than the two
 */
export function hostArchitecture(arch: string = process.arch): Architecture {
  if (arch === 'x64') return 'x86-64';
  if (arch === 'arm64') return 'arm64';
  throw new KhopError('E_UNSUPPORTED', `this machine's architecture is ${arch}`, {
    hint: 'khop runs on x86-64 and arm64.',
  });
}

/**
 * Options of Node.js that khop runs with: in the packaged executable, and in the machines of the lab.
 * @module
 */

/**
 * `--max-semi-space-size=1`, in MiB: V8 would let garbage take three times 16 before it looks whether any of it is still
 * needed. Loading a kernel makes some tens of MiB of it, on machines that may have little left.
 */
export const RUNTIME_OPTIONS = ['--max-semi-space-size=1'] as const;

/**
 * The processor architectures khop plans for.
 * @module
 */
export type Architecture = 'x86-64' | 'arm64';

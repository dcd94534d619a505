/**
 * The planners by architecture.
 * @module
 */
import type { Architecture } from '../../formats/architecture.ts';
import type { ArchitecturePlanner } from './architecture.ts';
import { ARM64 } from './arm64.ts';
import { X86_64 } from './x86-64.ts';

export const PLANNERS: Readonly<Record<Architecture, ArchitecturePlanner>> = {
  'x86-64': X86_64,
  arm64: ARM64,
};

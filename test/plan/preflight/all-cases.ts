/**
 * Every case of every check.
 * @module
 */
import { COMMAND_LINE_CASES } from './command-line-cases.ts';
import type { FindingCase } from './finding-case.ts';
import { HARDWARE_CASES } from './hardware-cases.ts';
import { KERNEL_CASES } from './kernel-cases.ts';
import { MACHINE_CASES } from './machine-cases.ts';

export const ALL_CASES: readonly FindingCase[] = [
  ...MACHINE_CASES,
  ...HARDWARE_CASES,
  ...KERNEL_CASES,
  ...COMMAND_LINE_CASES,
];

/**
 * `khop lab`.
 * @module
 */
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';

/** The lab's commands; filled in by the lab's face. */
export function addLabCommand(_program: Command, _context: CliContext): void {}

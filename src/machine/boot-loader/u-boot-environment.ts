/**
 * U-Boot's environment, through libubootenv's or U-Boot's own tool.
 * Specification: tools/env/README: `name=value` lines; a value may not have a line break.
 * @module
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runProcess } from '../run-process.ts';

const TIMEOUT_MS = 30_000;

/**
 * All variables; undefined where no /etc/fw_env.config says where they are.
 * @throws E_CHILD when they cannot be read, E_TIMEOUT
 */
export async function readUBootVariables(
  root: string,
  options: { readonly signal?: AbortSignal; readonly run?: typeof runProcess } = {},
): Promise<ReadonlyMap<string, string> | undefined> {
  if (!existsSync(join(root, '/etc/fw_env.config'))) return undefined;
  const run = options.run ?? runProcess;
  const { stdout } = await run('fw_printenv', [], { timeoutMs: TIMEOUT_MS, signal: options.signal });
  const pairs = stdout.split('\n').filter((line) => line.indexOf('=') > 0);
  return new Map(
    pairs.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const),
  );
}

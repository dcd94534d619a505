/**
 * Switches that follow each other in the small machine, and what has to be the same after each.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KernelLine } from '../../src/lab/kernel-store.ts';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { COMMAND, type Hardware, hop, kernelWords, readHardware } from '../vm/switching.ts';

type Method = 'file' | 'segments';

/** Switches to a kernel line of Debian's, and looks that it is there. */
export async function switchTo(machine: VirtualMachine, line: KernelLine, method: Method): Promise<void> {
  const hello = await hop(
    machine,
    `khop switch ${kernelWords(line)} --method ${method} --now --no-trial --yes`,
  );
  assert.ok(hello.release.startsWith(`${line}.`), `${hello.release} is not ${line}`);
  const commandLine = (await machine.run('cat /proc/cmdline', COMMAND)).stdout;
  assert.match(
    commandLine,
    /^console=ttyS0 khop\.switch=[0-9a-f]{16}$/m,
    'tokens of earlier switches pile up',
  );
}

/** Kernels differ in what memory they keep for themselves. */
export function assertSameHardware(after: Hardware, before: Hardware): void {
  const { memoryKib, ...rest } = after;
  const { memoryKib: memoryBefore, ...restBefore } = before;
  assert.deepEqual(rest, restBefore);
  assert.ok(Math.abs(memoryKib - memoryBefore) < 64 * 1024, `${memoryBefore} -> ${memoryKib} KiB`);
}

/** A machine under OVMF that begins with 6.1, through all of `chain`, which ends there. */
export function testChain(sentence: string, chain: readonly (readonly [KernelLine, Method])[]): void {
  test(sentence, { timeout: 1_200_000 }, async () => {
    await using machine = await startSmallMachine({
      ...{ kernel: '6.1', firmware: 'ovmf', cpus: 2, memoryMib: 1536 },
    });
    const before = await readHardware(machine);
    for (const [line, method] of chain) {
      await switchTo(machine, line, method);
      assertSameHardware(await readHardware(machine), before);
    }
    assert.deepEqual(await readHardware(machine), before);
  });
}

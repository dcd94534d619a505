/**
 * khop's own way: a trial, as `khop switch` makes it of a kernel that was never confirmed.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { KhopError } from '../../../src/error.ts';
import type { VirtualMachine } from '../../../src/lab/virtual-machine.ts';
import { leaveWords, startBed } from '../../chaos/trial/bed.ts';
import { REFUSAL } from '../../chaos/trial/fault.ts';
import { BEGUN_LINE } from './console-marks.ts';
import type { FaultClass } from './fault-classes.ts';
import type { Departure, ReturnBed } from './return-methods.ts';

const STAGE_TIMEOUT_MS = 600_000;
const ASK = { timeoutMs: 30_000 };
const POLL_MS = 2000;

export async function startKhopMachine(bed: ReturnBed): Promise<VirtualMachine> {
  return await startBed(bed, 'known-good', false);
}

export async function leaveByKhop(
  machine: VirtualMachine,
  { moment, change, khopOptions }: FaultClass,
): Promise<Departure> {
  let hasLeft = false;
  // With `quiet` the jump itself is not spoken of.
  machine.console.onLine((line) => {
    hasLeft ||= BEGUN_LINE.test(line) || (moment !== 'reset' && moment.test(line));
  });
  const options = [khopOptions, change.parameters && `--append ${change.parameters}`, ...initrdWords(change)];
  await machine.start(
    `${leaveWords('known-good', options.join(' '))} 2>${REFUSAL.words}; echo $? >${REFUSAL.status}`,
  );
  const until = performance.now() + STAGE_TIMEOUT_MS;
  while (!hasLeft && performance.now() < until) {
    const answer = await readAnswer(machine);
    if (answer.state !== 'planning') return answer;
    await sleep(POLL_MS);
  }
  return { state: 'left' };
}

function initrdWords({ initrd, overlay }: FaultClass['change']): string[] {
  if (initrd === undefined && overlay === undefined) return [];
  const files = [initrd ?? '$(ls /boot/initrd.img-6.12*)', ...(overlay === undefined ? [] : [overlay])];
  return files.map((path) => `--initrd ${path}`);
}

/** Whose agent does not answer any more is on its way down. */
async function readAnswer(machine: VirtualMachine): Promise<Departure | { readonly state: 'planning' }> {
  try {
    const { status, stdout } = await machine.exec(
      `grep -qs '^[1-9]' ${REFUSAL.status} && ! grep -q 1 /sys/kernel/kexec_loaded && tail -n 2 ${REFUSAL.words} | head -n 1`,
      ASK,
    );
    return status === 0 ? { state: 'refused', words: stdout.trim() } : { state: 'planning' };
  } catch (error) {
    if (error instanceof KhopError) return { state: 'left' };
    throw error;
  }
}

/**
 * What an emulator has used of the host's processors: other work on the host changes it less than wall time.
 * @module
 */
import { readFileSync } from 'node:fs';

/** utime and stime, fields 14 and 15 of /proc/PID/stat (proc(5)), in ticks of USER_HZ, always 10 ms. */
export function processCpuMs(pid: number): number {
  // The name of the program, field 2, may have spaces in it.
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

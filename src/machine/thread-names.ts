/**
 * The names of this process's threads, which the kernel's messages and audit records give (proc_pid_comm(5)).
 * @module
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { startSyscall } from './syscall.ts';

/** `Lockdown: khop: kexec of unsigned images is restricted`, where it would be `libuv-worker` that tried. */
export async function nameThreads(): Promise<void> {
  // The threads that make calls for this one are there from the first call on.
  await startSyscall('getpid');
  try {
    for (const thread of readdirSync('/proc/self/task'))
      writeFileSync(`/proc/self/task/${thread}/comm`, 'khop');
  } catch {
    // Where /proc is not to be written, a name is no reason to end a load.
  }
}

/**
 * How the agent of a trial finds the guardian of the first act, and what they tell: the agent by signals, since they need no file, no library
 * and no memory on either side.
 * @module
 */

export const GUARDIAN = {
  /** First bytes of /proc/PID/cmdline. A systemd that leaves the initramfs spares what begins with @. */
  argument: '@khop-guardian',
  /** /proc/PID/comm. */
  comm: 'khop-guardian',
  /** Of its line in the kernel's log at its deadline, before it goes home: `khop: the trial is over...`. */
  verdict: 'the trial is over',
  signals: {
    /** SIGUSR1: the agent runs, so that only the deadline of the whole trial counts from now on. */
    checkedIn: 10,
    /** SIGUSR2: confirmed. The watchdog is stopped, and the guardian ends. */
    confirmed: 12,
    /** SIGRTMIN of C libraries: it ends without stopping the watchdog, which is then for another to pet. */
    handOver: 34,
    /** SIGRTMIN+1: confirmed, but the watchdog cannot be stopped and nobody else pets it. No deadline counts. */
    keepPetting: 35,
    /** SIGRTMIN+2: this kernel is left in good order. The watchdog gets time for the start of the next one. */
    leaving: 36,
    /** SIGRTMIN+3: the same, and this kernel goes home. When that is not over in its time, the guardian goes home itself. */
    goingHome: 37,
  },
} as const;

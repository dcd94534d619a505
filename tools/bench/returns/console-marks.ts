/**
 * What the machine says on its console so that the host knows how far it is. The kernel writes such a line before the
 * program that asked for it goes on, and does so with `quiet`, too.
 * @module
 */
import type { VirtualMachine } from '../../../src/lab/virtual-machine.ts';
import { COMMAND } from '../../chaos/trial/fault.ts';

const FAULT_WORDS = 'khop-bench: fault';
const BEGUN_WORDS = 'khop-bench: begun';
const UP_WORDS = 'khop-bench: up';

/** Said by a fault that says nothing of its own, right before it is made. */
export const FAULT_LINE = new RegExp(FAULT_WORDS);
/** Said by every kernel whose systemd starts its first units, with its release. */
export const BEGUN_LINE = new RegExp(`${BEGUN_WORDS} (\\S+)`);
/** Said by every kernel whose systemd has reached multi-user.target, with its release. */
export const UP_LINE = new RegExp(`${UP_WORDS} (\\S+)`);

/** Shell words for a line that `FAULT_LINE` matches. */
export const SAY_FAULT = sayOnConsole(FAULT_WORDS);

/** Critical, which is more than `quiet` holds back, and less than what journald tells everybody. */
function sayOnConsole(words: string): string {
  return `echo "<2>${words}" >/dev/kmsg`;
}

/** From now on every kernel of this machine says when it begins to start its system, and when it has. */
export async function sayWhenUp(machine: VirtualMachine): Promise<void> {
  await machine.copyIn(`${sayOnConsole(`${BEGUN_WORDS} $(uname -r)`)}\n`, '/root/begun.sh');
  await enableUnit(machine, 'khop-bench-begun', [
    ...['[Unit]', 'DefaultDependencies=no', '[Service]', 'Type=oneshot', 'ExecStart=/bin/sh /root/begun.sh'],
    ...['[Install]', 'WantedBy=sysinit.target'],
  ]);
  await machine.copyIn(`${sayOnConsole(`${UP_WORDS} $(uname -r)`)}\n`, '/root/up.sh');
  await enableUnit(machine, 'khop-bench-up', [
    ...['[Unit]', 'After=multi-user.target', '[Service]', 'Type=oneshot', 'ExecStart=/bin/sh /root/up.sh'],
    ...['[Install]', 'WantedBy=multi-user.target'],
  ]);
}

/** @param lines of the unit, which is there from the next start on */
export async function enableUnit(
  machine: VirtualMachine,
  name: string,
  lines: readonly string[],
): Promise<void> {
  await machine.copyIn(`${lines.join('\n')}\n`, `/etc/systemd/system/${name}.service`);
  await machine.run(`systemctl enable ${name}.service && sync`, COMMAND);
}

/**
 * Faults that are there before the jump, or made during it. The machine runs the known-good kernel.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { KhopError } from '../../../src/error.ts';
import type { VirtualMachine } from '../../../src/lab/virtual-machine.ts';
import { COMMAND, cutPower, type Fault, INSTALLED, REFUSAL } from './fault.ts';

const LINE_TIMEOUT_MS = 300_000;

/** Leaves with more options. */
export function options(more: string): Fault {
  return async ({ machine, leave }) => {
    await machine.start(leave(more));
    return 'goes-on';
  };
}

/** Leaves when `script` is done. */
function after(script: string, more = ''): Fault {
  return async ({ machine, leave }) => {
    await machine.run(script, { timeoutMs: 300_000 });
    await machine.start(`${leave(more)} 2>${REFUSAL.words}; echo $? >${REFUSAL.status}`);
    return 'goes-on';
  };
}

export const damagedImage: Fault = after(
  'for image in /boot/vmlinuz-6.12*; do head -c 3000000 $image >/boot/cut; cat /boot/cut >$image; rm /boot/cut; done',
);

export const damagedHome: Fault = after(
  'image=/boot/vmlinuz-$(uname -r); head -c 3000000 $image >/boot/cut; mv /boot/cut $image',
);

export const twice: Fault = async ({ machine, leave }) => {
  await machine.start(`${leave()} & ${leave()}; wait`);
  return 'goes-on';
};

/** Cut in the middle of what is compressed: nothing behind it is unpacked either. */
export const damagedInitrd: Fault = after(
  'initrd=$(ls /boot/initrd.img-6.12*); size=$(stat -c %s $initrd); head -c $((size - 1000000)) $initrd >/root/initrd-cut',
  '--without initramfs --without direct-entry --initrd /root/initrd-cut --accept initrd-readable --accept initrd-has-init --accept initrd-modules',
);

/** An archive behind the initrd that replaces its init. */
export function withInit(program: string): Fault {
  return async ({ machine, leave }) => {
    await machine.copyIn(program, '/root/tree/init', 0o755);
    await machine.run(
      'cd /root/tree && echo init | cpio -o -H newc >/root/own-init.cpio && cat $(ls /boot/initrd.img-6.12*) /root/own-init.cpio >/root/initrd-own-init',
      COMMAND,
    );
    await machine.start(
      leave('--without initramfs --initrd $(ls /boot/initrd.img-6.12*) --initrd /root/own-init.cpio'),
    );
    return 'goes-on';
  };
}

/** A file system of fstab that is not there leads to emergency.target. */
export const emergency: Fault = after(
  'echo "UUID=00000000-0000-4000-8000-000000000001 /mnt ext4 x-systemd.device-timeout=5 0 2" >>/etc/fstab',
);

export const masked: Fault = after('systemctl mask khop-trial.service');

export const confirmed: Fault = async ({ machine, leave }) => {
  const { bootId } = await machine.waitForHello(1000);
  await machine.start(leave('--confirm 120'));
  await machine.waitForNewKernel(bootId, LINE_TIMEOUT_MS);
  await machine.start(`until ${INSTALLED} khop confirm; do sleep 1; done`);
  return 'goes-on';
};

/** A moment of the protocol: so many milliseconds after a line of the console. */
interface Moment {
  readonly point: string;
  readonly after: RegExp;
  readonly ms: number;
}

/** Fifty and more moments, from the first write to the last. */
export function powerCuts(): readonly { readonly point: string; readonly fault: Fault }[] {
  return moments().map((moment) => ({ point: moment.point, fault: cutAt(moment) }));
}

function moments(): Moment[] {
  const spread = (point: string, line: RegExp, times: readonly number[]): Moment[] =>
    times.map((ms) => ({ point: `${ms} ms after ${point}`, after: line, ms }));
  return [
    ...spread('staging began', /was not prepared|note |fast /, [0, 2000, 5000, 9000]),
    ...spread('the way down began', /is going down now/, [0, 200, 500, 1000, 1500, 2000, 3000, 4000, 6000]),
    // The start of the new kernel, its initramfs, and the first act.
    ...spread(
      'the jump',
      /Starting new kernel/,
      [0, 500, 2000, 4000, 7000, 10_000, 14_000, 18_000, 22_000, 26_000],
    ),
    ...spread('the agent began', /khop\[\d+\]: system: /, [0, 300, 600, 1000, 1500, 2000, 3000, 5000]),
    ...spread('the network', /khop\[\d+\]: network: /, [0, 500, 1000]),
    ...spread('the services', /khop\[\d+\]: services: /, [
      ...[0, 300, 600, 900, 1200, 1600, 2000, 2500, 3000, 4000, 5000, 6000, 7000],
    ]),
    ...spread('the confirmation', /khop\[\d+\]: Confirmed/, [0, 300, 1000, 3000]),
  ];
}

function cutAt({ after: line, ms }: Moment): Fault {
  return async ({ machine, leave }) => {
    const reached = waitForLine(machine, line);
    // What khop says in either kernel goes to the console, so that there is something to wait for.
    await machine.start(`${leave('--append systemd.journald.forward_to_console=1')} >/dev/console 2>&1`);
    await reached;
    if (ms > 0) await sleep(ms);
    return await cutPower(machine);
  };
}

/** Listens from now on. */
async function waitForLine(machine: VirtualMachine, wanted: RegExp): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(
    () =>
      reject(
        new KhopError('E_TIMEOUT', `the console did not say ${wanted.source}`, {
          hint: 'The machine did not come as far as this case needs.',
        }),
      ),
    LINE_TIMEOUT_MS,
  );
  machine.console.onLine((line) => wanted.test(line) && resolve());
  await promise.finally(() => clearTimeout(timer));
}

/**
 * Faults that are there before the jump, or made during it. The machine runs the known-good kernel.
 * @module
 */
import type { CrashCode } from '../guard/crash-module.ts';
import { insertWords, readCrashModule } from './crash-in-guest.ts';
import { COMMAND, type Fault, INSTALLED, REFUSAL } from './fault.ts';

const NEW_KERNEL_TIMEOUT_MS = 600_000;
/** What services of the kernel on trial find in their units. */
const ONLY_ON_TRIAL = 'ConditionKernelVersion=6.12*';

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

/**
 * An archive behind the initrd that replaces its init. It runs on the processor that the firmware started: after a panic on
 * another one home leads through the firmware.
 */
export function withInit(program: string): Fault {
  return async ({ machine, leave }) => {
    await machine.copyIn(program, '/root/tree/init', 0o755);
    await machine.run(
      'cd /root/tree && echo init | cpio -o -H newc >/root/own-init.cpio && cat $(ls /boot/initrd.img-6.12*) /root/own-init.cpio >/root/initrd-own-init',
      COMMAND,
    );
    await machine.start(
      leave(
        '--append isolcpus=1 --without initramfs --initrd $(ls /boot/initrd.img-6.12*) --initrd /root/own-init.cpio',
      ),
    );
    return 'goes-on';
  };
}

/** The card is there, and nothing drives it. */
export const noDriver: Fault = options('--append modprobe.blacklist=virtio_net --deadline 300');

/** systemd-networkd has another file for that kernel, without the way out. */
export const noRoute: Fault = after(
  "printf '[Match]\\nName=en*\\nKernelVersion=6.12*\\n[Network]\\nDHCP=yes\\n' >/etc/systemd/network/10-trial.network",
  '--deadline 300',
);

/** The ticket cannot be written. */
export const fullDisk: Fault = after(
  'cat /dev/zero >/var/filler; sync; test $(df --output=avail / | tail -n 1) = 0',
);

/** A service that the kernel on trial alone has does it, on the processor that the firmware starts with. */
function byService(order: readonly string[], install: string, command: string): Fault {
  return async ({ machine, leave }) => {
    const unit = [
      ...['[Unit]', 'DefaultDependencies=no', ONLY_ON_TRIAL, ...order],
      ...['[Service]', 'Type=oneshot', 'CPUAffinity=0', `ExecStart=/bin/sh -c '${command}'`],
      ...['[Install]', install, ''],
    ];
    await machine.copyIn(unit.join('\n'), '/etc/systemd/system/fault.service');
    await machine.run('systemctl enable fault.service && sync', COMMAND);
    await machine.start(leave());
    return 'goes-on';
  };
}

/** One of the first. */
function atBoot(command: string): Fault {
  return byService(['After=local-fs.target', 'Before=sysinit.target'], 'WantedBy=sysinit.target', command);
}

/** As a file system that does not come up, it leads to emergency.target. */
export const emergency: Fault = byService(['Before=local-fs.target'], 'RequiredBy=local-fs.target', 'exit 1');

export const panicAtBoot: Fault = atBoot('echo c >/proc/sysrq-trigger');

export function moduleAtBoot(code: CrashCode): Fault {
  return async (scene) => {
    await scene.machine.copyIn(await readCrashModule(scene.machine, '6.12*', code), '/root/crash.ko');
    return await atBoot(insertWords('/root/crash.ko', code))(scene);
  };
}

export const masked: Fault = after('systemctl mask khop-trial.service');

export const confirmed: Fault = async ({ machine, leave }) => {
  const { bootId } = await machine.waitForHello(1000);
  await machine.start(leave('--confirm 120'));
  await machine.waitForNewKernel(bootId, NEW_KERNEL_TIMEOUT_MS);
  await machine.start(`until ${INSTALLED} khop confirm; do sleep 1; done`);
  return 'goes-on';
};

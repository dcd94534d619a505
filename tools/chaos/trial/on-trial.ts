/**
 * Faults in a kernel on trial whose agent waits for the script `hold`, which passes once /run/go is there.
 * @module
 */
import type { CrashCode } from '../guard/crash-module.ts';
import { insertWords, readCrashModule, readModule } from './crash-in-guest.ts';
import { COMMAND, cutPower, type Fault, INSTALLED } from './fault.ts';
import { HANGING_DONOR, withHangingNotifier } from './hanging-module.ts';

/** A fault that is made by a shell script; the check may pass afterwards. */
function by(script: string): Fault {
  return async ({ machine }) => {
    await machine.start(`${script}; touch /run/go`);
    return 'goes-on';
  };
}

export const nothing: Fault = by(':');

/** So that the deadline is half a minute away: the agent reads its ticket when it starts. */
const SHORTEN = [
  'now=$(cut -d. -f1 /proc/uptime)',
  'sed -i "s/\\"deadlineSeconds\\": [0-9]*/\\"deadlineSeconds\\": $((now + 30))/" /var/lib/khop/trial.json',
  'systemctl restart khop-trial.service',
].join('; ');

/** The check is never let go. */
export const waitOnly: Fault = async ({ machine }) => {
  await machine.start(SHORTEN);
  return 'goes-on';
};

/** @param script must panic on the CPU that it runs on: from another than the first, the firmware leads home */
export function crash(script: string, cpu = 0): Fault {
  return async ({ machine }) => {
    await machine.start(`taskset ${1 << cpu} sh -c '${script}'`);
    return 'goes-on';
  };
}

/** The init function of a module does it. */
export function crashModule(code: CrashCode): Fault {
  return async ({ machine }) => {
    await machine.copyIn(await readCrashModule(machine, '$(uname -r)', code), '/run/crash.ko');
    await machine.start(`taskset 1 sh -c '${insertWords('/run/crash.ko', code)}'`);
    return 'goes-on';
  };
}

export const nmi: Fault = async ({ machine }) => {
  await machine.injectNmi();
  return 'goes-on';
};

export const failUnit: Fault = by(startBroken('[Service]'));

/** As boot counting is set up with: whose failure restarts the machine, without khop. */
export const rebootByUnit: Fault = by(startBroken('[Unit]\\nFailureAction=reboot\\n[Service]'));

/** @param head of the unit that fails, up to its section of the service */
function startBroken(head: string): string {
  const unit = `${head}\\nType=oneshot\\nExecStart=/bin/false\\n`;
  return `printf "${unit}" >/run/systemd/system/broken.service; systemctl daemon-reload; systemctl start broken.service`;
}

/** What the known-good kernel finds on its way home alone, before it is home. */
function failAtHome(command: string): Fault {
  return async (scene) => {
    const unit = [
      ...['[Unit]', 'DefaultDependencies=no', 'ConditionKernelCommandLine=khop.home'],
      ...['After=local-fs.target', 'Before=sysinit.target khop-arrive.service'],
      ...['[Service]', 'Type=oneshot', 'CPUAffinity=0', `ExecStart=/bin/sh -c '${command}'`],
      ...['[Install]', 'WantedBy=sysinit.target', ''],
    ];
    await scene.machine.copyIn(unit.join('\n'), '/etc/systemd/system/fault-at-home.service');
    await scene.machine.run('systemctl enable fault-at-home.service && sync', COMMAND);
    return await failUnit(scene);
  };
}

export const panicAtHome: Fault = failAtHome('echo c >/proc/sysrq-trigger');

/** @param code of a module for the known-good kernel */
export function moduleAtHome(code: CrashCode): Fault {
  return async (scene) => {
    await scene.machine.copyIn(await readCrashModule(scene.machine, '6.1.*', code), '/root/crash.ko');
    return await failAtHome(insertWords('/root/crash.ko', code))(scene);
  };
}

/** In the drivers, for ever. */
export const hangOnTheWay: Fault = async (scene) => {
  const { machine } = scene;
  const module = withHangingNotifier(await readModule(machine, '$(uname -r)', HANGING_DONOR));
  await machine.copyIn(module, '/run/hang.ko');
  await machine.run('insmod /run/hang.ko', COMMAND);
  return await failUnit(scene);
};

export const stopSsh: Fault = by(`systemctl stop ssh.service ssh.socket; ${SHORTEN}`);

/** Bit 9: the kernel has issued a warning. */
export const taint: Fault = by('echo 512 >/proc/sys/kernel/tainted');

export const failScript: Fault = by(
  'printf "#!/bin/sh\\necho no licence\\nexit 1\\n" >/etc/khop/checks/required.d/licence; chmod 755 /etc/khop/checks/required.d/licence',
);

/** The network's phase ends in half a minute, which is at four fifths of the time. */
const SHORTEN_NETWORK = SHORTEN.replace('(now + 30)', '((now + 30) * 5 / 4)');

export const loseRoute: Fault = by(`ip route del default; ${SHORTEN_NETWORK}`);

export const loseInterface: Fault = by(
  `ip link set $(ls /sys/class/net | grep -v lo | head -n 1) down; ${SHORTEN_NETWORK}`,
);

/** What is loaded needs no file of it any more. */
export const damageHome: Fault = by(
  'for file in /boot/vmlinuz-6.1.* /boot/initrd.img-6.1.*; do truncate -s 1000000 $file; done; sync; printf "#!/bin/sh\nexit 1\n" >/etc/khop/checks/required.d/licence; chmod 755 /etc/khop/checks/required.d/licence',
);

export const makeReadOnly: Fault = by(
  'mount -o remount,ro / || echo u >/proc/sysrq-trigger; sleep 3; systemctl restart khop-trial.service',
);

export const fillDisk: Fault = by('cat /dev/zero >/var/lib/filler; sync');

/** Read when the agent starts. */
export function spoilTicket(script: string): Fault {
  return by(`${script}; sync; systemctl restart khop-trial.service`);
}

/** @param change of date(1) */
export function setClock(change: string): Fault {
  return by(`date -s "${change}"`);
}

export const killAgent: Fault = by('systemctl kill --signal=KILL khop-trial.service');

export const stopAgent: Fault = by(
  'systemctl mask --runtime khop-trial.service; systemctl stop khop-trial.service',
);

export const goBack: Fault = async ({ machine }) => {
  await machine.start(`${INSTALLED} khop back --yes`);
  return 'goes-on';
};

export const reboot: Fault = async ({ machine }) => {
  await machine.start('systemctl reboot');
  return 'goes-on';
};

export const powerCut: Fault = async ({ machine }) => await cutPower(machine);

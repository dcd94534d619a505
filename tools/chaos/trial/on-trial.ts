/**
 * Faults in a kernel on trial whose agent waits for the script `hold`, which passes once /run/go is there.
 * @module
 */
import { decompress, detectCompression } from '../../../src/formats/compression.ts';
import type { VirtualMachine } from '../../../src/lab/virtual-machine.ts';
import { type CrashCode, withCrashingInit } from '../guard/crash-module.ts';
import { COMMAND, cutPower, type Fault, INSTALLED } from './fault.ts';

/** Small, needed by nothing; see guard/crash-module.ts. */
const DONOR = 'michael_mic';
const MODULE_LIMIT = 4 * 2 ** 20;

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
export function crash(script: string): Fault {
  return async ({ machine }) => {
    await machine.start(`taskset 1 sh -c '${script}'`);
    return 'goes-on';
  };
}

/** The init function of a module does it. */
export function crashModule(code: CrashCode): Fault {
  return async ({ machine }) => {
    const module = withCrashingInit(await readModule(machine), code);
    await machine.copyIn(module, '/run/crash.ko');
    await machine.start('taskset 1 insmod /run/crash.ko');
    return 'goes-on';
  };
}

/** Of the kernel that runs. */
async function readModule(machine: VirtualMachine): Promise<Uint8Array> {
  const { stdout } = await machine.run(`find /lib/modules/$(uname -r) -name '${DONOR}.ko*'`, COMMAND);
  const path = stdout.trim();
  const { bytes } = await machine.copyOut(path);
  return detectCompression(bytes) === undefined
    ? bytes
    : decompress(bytes, { name: path, maxOutputBytes: MODULE_LIMIT });
}

export const nmi: Fault = async ({ machine }) => {
  await machine.injectNmi();
  return 'goes-on';
};

export const failUnit: Fault = by(
  'printf "[Service]\\nType=oneshot\\nExecStart=/bin/false\\n" >/run/systemd/system/broken.service; systemctl daemon-reload; systemctl start broken.service',
);

export const stopSsh: Fault = by(`systemctl stop ssh.service ssh.socket; ${SHORTEN}`);

/** Bit 9: the kernel has issued a warning. */
export const taint: Fault = by('echo 512 >/proc/sys/kernel/tainted');

export const failScript: Fault = by(
  'printf "#!/bin/sh\\necho no licence\\nexit 1\\n" >/etc/khop/checks/required.d/licence; chmod 755 /etc/khop/checks/required.d/licence',
);

export const loseNetwork: Fault = by(
  'ip route del default; ip link set $(ls /sys/class/net | grep -v lo | head -n 1) down; systemctl restart khop-trial.service',
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

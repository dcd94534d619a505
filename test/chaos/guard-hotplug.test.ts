/**
 * A processor and memory that are plugged in while the guard is armed: udev has it armed again, nobody else.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DEFAULT_GUARD_SETTINGS, encodeGuardSettings } from '../../src/guard/guard-settings.ts';
import { startFullMachine, waitForSystem } from '../../src/lab/full-machine.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { LOAD_WITH_RESERVATION } from '../support/reserving-load.ts';
import { INSTALLED, installPackage } from '../vm/built-package.ts';
import { COMMAND, hop, readHardware } from '../vm/switching.ts';

const LIMIT = { timeout: 1_500_000 };
const HOP_MS = 420_000;
const ARMED_WITHIN_MS = 240_000;
const PLUGGED_MIB = 256;
const PLUGGED_BYTES = PLUGGED_MIB * 1024 * 1024;
/** One more processor and one more module of memory than there are. */
const ROOM = ['-smp', '2,maxcpus=3,sockets=3,cores=1,threads=1', '-m', 'slots=1,maxmem=2G'];
const PROCESSOR = { driver: 'max-x86_64-cpu', 'socket-id': 2, 'core-id': 0, 'thread-id': 0 };

interface Armed {
  readonly state: string;
  readonly problems: readonly string[];
  readonly record: { readonly id: string };
}

async function guardStatus(machine: VirtualMachine): Promise<Armed> {
  return JSON.parse((await machine.exec(`${INSTALLED} khop guard status --json`, COMMAND)).stdout);
}

/** Waits until the guard is armed, but not as it was; looking at it does not arm it. */
async function untilArmedAnew(machine: VirtualMachine, before: Armed): Promise<Armed> {
  const deadlineMs = performance.now() + ARMED_WITHIN_MS;
  for (;;) {
    const now = await guardStatus(machine);
    if (now.state === 'armed' && now.record.id !== before.record.id) return now;
    if (performance.now() > deadlineMs) {
      const { stdout } = await machine.exec('journalctl -b --no-pager -u khop-guard.service', COMMAND);
      assert.fail(`${now.state}: ${now.problems.join('; ')}\n${stdout}`);
    }
    await sleep(2000);
  }
}

/** Debian leaves what was plugged in to whoever wants it. */
const SWITCH_ON = `sleep 2; for each in /sys/devices/system/cpu/cpu2/online /sys/devices/system/memory/memory*/online; do
  grep -q 0 $each && echo 1 >$each; done; true`;

test(
  'a processor and memory that come have the guard armed again, and come home from a panic',
  LIMIT,
  async () => {
    await using machine = await startFullMachine({ extraArguments: ROOM });
    await installPackage(machine);
    await machine.copyIn(encodeGuardSettings(DEFAULT_GUARD_SETTINGS), '/var/lib/khop/guard.json');
    await machine.run(LOAD_WITH_RESERVATION, COMMAND);
    await hop(machine, 'systemctl kexec', HOP_MS);
    await waitForSystem(machine);
    const first = await untilArmedAnew(machine, { state: 'off', problems: [], record: { id: '' } });
    const before = await readHardware(machine);

    await machine.qmp.execute('device_add', { id: 'cpu2', ...PROCESSOR });
    await machine.run(SWITCH_ON, COMMAND);
    const second = await untilArmedAnew(machine, first);
    await machine.qmp.execute('object-add', {
      'qom-type': 'memory-backend-ram',
      id: 'module',
      size: PLUGGED_BYTES,
    });
    await machine.qmp.execute('device_add', { driver: 'pc-dimm', id: 'dimm', memdev: 'module' });
    await machine.run(SWITCH_ON, COMMAND);
    await untilArmedAnew(machine, second);

    const plugged = await readHardware(machine);
    assert.equal(plugged.cpus, before.cpus + 1);
    assert.ok(plugged.memoryKib > before.memoryKib + (PLUGGED_MIB - 16) * 1024, `${plugged.memoryKib} KiB`);
    await hop(machine, `${INSTALLED} taskset -c 0 khop guard test --yes`, HOP_MS);
    await waitForSystem(machine);
    await machine.run(SWITCH_ON, COMMAND);
    const { cpus, memoryKib } = await readHardware(machine);
    assert.equal(cpus, plugged.cpus);
    assert.ok(Math.abs(memoryKib - plugged.memoryKib) < 32 * 1024, `${memoryKib}, ${plugged.memoryKib} KiB`);
    const report = await machine.run(`${INSTALLED} khop crashes show last --json`, COMMAND);
    assert.equal(JSON.parse(report.stdout).outcome, 'home-by-kexec');
  },
);

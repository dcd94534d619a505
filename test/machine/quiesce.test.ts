import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import { type MountInfo, parseMountInfo, readAllMounts } from '../../src/machine/mounts.ts';
import type { Process } from '../../src/machine/processes.ts';
import { makeReadOnly, shutDown, writableFileSystems } from '../../src/machine/quiesce.ts';
import { parseDeviceless, parseSwaps, type ShutdownMachine } from '../../src/machine/shutdown-calls.ts';

const DEVICELESS = new Set(['proc', 'sysfs', 'tmpfs', 'devtmpfs', 'overlay', 'nfs4', 'zfs', 'fuse']);

const MOUNTS = `22 1 0:21 / /proc rw - proc proc rw
28 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw
29 28 254:2 / /home rw - xfs /dev/vda2 rw
30 28 0:30 / /run rw - tmpfs tmpfs rw
31 28 7:0 / /snap/core ro - squashfs /dev/loop0 ro
32 29 254:2 /a /srv/a ro - xfs /dev/vda2 rw
33 28 0:41 / /mnt/share rw - nfs4 server:/share rw
34 28 0:42 / /tank rw - zfs tank rw
`;

/** Only shells have a terminal here. */
const process_ = (pid: number, name: string): Process => ({
  pid,
  parent: 1,
  name,
  isKernelThread: false,
  hasTerminal: name === 'bash',
  isStorageDaemon: false,
});

/** How a process takes signals. */
interface SimulatedProcess {
  readonly name: string;
  readonly endsOn: 'SIGTERM' | 'SIGHUP' | 'SIGKILL' | 'nothing';
  /** Starts this one when it is ended. */
  readonly respawns?: SimulatedProcess;
}

/** A machine that does what is asked, and remembers it; time passes only in `sleep`. */
function simulate(options: {
  readonly mounts?: string;
  readonly processes?: readonly SimulatedProcess[];
  /** Mount points that answer EBUSY to unmount and remount. */
  readonly busy?: readonly string[];
  /** Devices that even SysRq u leaves writable. */
  readonly stubborn?: readonly string[];
  readonly foreign?: readonly string[];
}): { machine: ShutdownMachine; done: string[]; remarks: string[]; remark: (line: string) => void } {
  const done: string[] = [];
  const remarks: string[] = [];
  let time = 0;
  let nextPid = 100;
  const processes = new Map((options.processes ?? []).map((each) => [nextPid++, each]));
  let mounts: MountInfo[] = [...(parseMountInfo(options.mounts ?? MOUNTS) ?? [])].map((mount) => ({
    ...mount,
    isOurs: options.foreign?.includes(mount.mountPoint) !== true,
  }));
  const setReadOnly = (chosen: (mount: MountInfo) => boolean): void => {
    mounts = mounts.map((mount) => (chosen(mount) ? { ...mount, superOptions: ['ro'] } : mount));
  };
  const machine: ShutdownMachine = {
    processes: () => [...processes].map(([pid, { name }]) => process_(pid, name)),
    signal: (pid, signal) => {
      const target = processes.get(pid);
      if (
        target === undefined ||
        (target.endsOn !== signal && signal !== 'SIGKILL') ||
        target.endsOn === 'nothing'
      )
        return;
      processes.delete(pid);
      done.push(`${signal} ${target.name}`);
      if (target.respawns !== undefined) processes.set(nextPid++, target.respawns);
    },
    mounts: () => mounts,
    deviceless: () => DEVICELESS,
    swaps: () => ['/swapfile'],
    sync: async () => void done.push('sync'),
    swapOff: async (path) => void done.push(`swapoff ${path}`),
    unmount: async (mountPoint) => {
      if (options.busy?.includes(mountPoint)) return 'EBUSY';
      done.push(`umount ${mountPoint}`);
      mounts = mounts.filter((mount) => mount.mountPoint !== mountPoint);
      return undefined;
    },
    remountReadOnly: async (mountPoint) => {
      if (options.busy?.includes(mountPoint)) return 'EBUSY';
      done.push(`ro ${mountPoint}`);
      const { device } = mounts.find((mount) => mount.mountPoint === mountPoint)!;
      setReadOnly((mount) => mount.device === device);
      return undefined;
    },
    emergencyRemount: async () => {
      done.push('sysrq u');
      setReadOnly((mount) => options.stubborn?.includes(mount.device) !== true);
      return undefined;
    },
    sleep: async (ms) => {
      time += ms;
    },
    now: () => time,
  };
  return { machine, done, remarks, remark: (line) => void remarks.push(line) };
}

test('the short way syncs, makes every disk file system read-only once, and touches no process', async () => {
  const simulated = simulate({ processes: [{ name: 'database', endsOn: 'SIGTERM' }] });
  await makeReadOnly(simulated);
  assert.deepEqual(simulated.done, ['sync', 'ro /tank', 'ro /home', 'ro /', 'sysrq u']);
  assert.deepEqual(simulated.remarks, []);
});

test('a file system that is in use is made read-only by force', async () => {
  const simulated = simulate({ busy: ['/home'] });
  await makeReadOnly(simulated);
  assert.deepEqual(simulated.done, ['sync', 'ro /tank', 'ro /', 'sysrq u']);
  assert.match(simulated.remarks.join('\n'), /In use: \/home/);
});

test('a file system that only a container has mounted is made read-only by force', async () => {
  const simulated = simulate({ foreign: ['/home', '/srv/a'] });
  await makeReadOnly(simulated);
  assert.deepEqual(simulated.done, ['sync', 'ro /tank', 'ro /', 'sysrq u']);
});

test('one that stays writable stops the jump, by name', async () => {
  const simulated = simulate({ busy: ['/home'], stubborn: ['254:2'] });
  await assert.rejects(makeReadOnly(simulated), (error: unknown) => {
    assert.ok(error instanceof KhopError);
    assert.equal(error.code, 'E_REFUSED');
    assert.equal(error.message, 'still writable: /home (xfs on /dev/vda2); no jump was made');
    return true;
  });
});

test('the orderly way ends processes, swap and mounts before the remount, last mounts first', async () => {
  const simulated = simulate({
    processes: [
      { name: 'sshd', endsOn: 'SIGTERM' },
      { name: 'bash', endsOn: 'SIGHUP' },
    ],
    busy: ['/home'],
  });
  await shutDown({ ...simulated, stopTimeoutMs: 10_000 });
  assert.deepEqual(simulated.done, [
    'SIGTERM sshd',
    'SIGHUP bash',
    'swapoff /swapfile',
    'umount /tank',
    'umount /mnt/share',
    'umount /srv/a',
    'umount /snap/core',
    'sync',
    'ro /',
    'sysrq u',
  ]);
});

test('a process without a terminal gets no SIGHUP: a daemon would take it for something else', async () => {
  const simulated = simulate({ processes: [{ name: 'daemon', endsOn: 'SIGHUP' }] });
  await shutDown({ ...simulated, stopTimeoutMs: 1000 });
  assert.ok(simulated.done.includes('SIGKILL daemon'));
  assert.ok(!simulated.done.includes('SIGHUP daemon'));
});

test('processes that ignore SIGTERM are killed after the deadline, and so are those they start meanwhile', async () => {
  const simulated = simulate({
    processes: [
      {
        name: 'supervisor',
        endsOn: 'SIGKILL',
        respawns: { name: 'worker', endsOn: 'SIGKILL', respawns: { name: 'worker2', endsOn: 'SIGKILL' } },
      },
    ],
  });
  await shutDown({ ...simulated, stopTimeoutMs: 3_000 });
  assert.deepEqual(simulated.done.slice(0, 3), ['SIGKILL supervisor', 'SIGKILL worker', 'SIGKILL worker2']);
  assert.match(simulated.remarks.join('\n'), /Killing supervisor \(100\)\./);
  assert.ok(simulated.machine.now() >= 3_000);
});

test('a process that nothing ends does not hold up the way down for ever', async () => {
  const simulated = simulate({ processes: [{ name: 'dd', endsOn: 'nothing' }] });
  await shutDown({ ...simulated, stopTimeoutMs: 1_000 });
  assert.match(simulated.remarks.join('\n'), /Still there.*dd \(100\)/);
  assert.ok(simulated.machine.now() < 10_000);
  assert.equal(simulated.done.at(-1), 'sysrq u');
});

test('a machine without anything to end does not wait', async () => {
  const simulated = simulate({});
  await shutDown({ ...simulated, stopTimeoutMs: 60_000 });
  assert.equal(simulated.machine.now(), 0);
});

test('what counts as writable is the option of the file system, not of the mount', () => {
  const of = (text: string) =>
    writableFileSystems(parseMountInfo(text) ?? [], DEVICELESS).map(({ mountPoint }) => mountPoint);
  assert.deepEqual(of('1 0 8:1 / /view ro - ext4 /dev/sda1 rw'), ['/view']);
  assert.deepEqual(of('1 0 8:1 / / rw - ext4 /dev/sda1 ro'), []);
  assert.deepEqual(of('1 0 0:50 / /data rw - btrfs /dev/sda1 rw'), ['/data']);
  assert.deepEqual(of('1 0 0:50 / /data rw - ext4 any-name rw'), ['/data']);
  assert.deepEqual(of('1 0 0:50 / /x rw - tmpfs /dev/sda1 rw'), []);
  assert.deepEqual(of('1 0 8:1 / / rw - ext4 /dev/root rw,errors=remount-ro'), ['/']);
});

test('a file system is reached through our own namespace where it is mounted there too', () => {
  const [mount] = parseMountInfo('1 0 8:1 / / rw - ext4 /dev/sda1 rw') ?? [];
  assert.ok(mount !== undefined);
  const [chosen] = writableFileSystems(
    [{ ...mount, mountPoint: '/theirs', isOurs: false }, mount],
    DEVICELESS,
  );
  assert.equal(chosen?.mountPoint, '/');
});

test('the tables of /proc are read', () => {
  assert.deepEqual(
    [...parseDeviceless('nodev\tsysfs\nnodev\ttmpfs\n\text4\n\tfuseblk\n')],
    ['sysfs', 'tmpfs'],
  );
  assert.deepEqual(
    parseSwaps('Filename Type Size Used Priority\n/dev/vda2 partition 1 0 -2\n/a\\040b file 1 0 -3\n'),
    ['/dev/vda2', '/a b'],
  );
});

test('the mounts of this machine are read, our own first', () => {
  const mounts = readAllMounts();
  assert.ok(mounts.some((mount) => mount.isOurs && mount.mountPoint === '/'));
  const firstForeign = mounts.findIndex((mount) => !mount.isOurs);
  assert.ok(firstForeign < 0 || mounts.slice(firstForeign).every((mount) => !mount.isOurs));
});

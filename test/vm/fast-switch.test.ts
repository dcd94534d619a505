import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { MOUNT_DATA, withDataDisk } from './data-disk.ts';
import { assertRandomPlace, kernelPlace, LINKED_AT } from './kernel-place.ts';
import { COMMAND, hop, kernelWords, readHardware } from './switching.ts';

const LIMIT = { timeout: 900_000 };
/** Unpacking kernels and initrds in an emulated machine takes its time. */
const PREPARE = { timeoutMs: 240_000 };
/** As after every start of a kernel: the state is on a disk. */
const MOUNT_STATE = `${MOUNT_DATA}\nmkdir -p /var/lib /data/khop; ln -sfn /data/khop /var/lib/khop`;

type Optimisations = ReadonlyMap<string, { readonly isUsed: boolean; readonly detail: string }>;

/** What khop says of each optimisation, without doing anything. */
async function foretell(machine: VirtualMachine, words: string): Promise<Optimisations> {
  const { stdout } = await machine.run(`khop switch ${words} --fast --dry-run --no-trial --json`, PREPARE);
  const { optimisations } = JSON.parse(stdout) as {
    optimisations: readonly { name: string; isUsed: boolean; detail: string }[];
  };
  return new Map(optimisations.map((each) => [each.name, each]));
}

/** Switches, and gives what khop said of the optimisations. */
async function fastHop(
  machine: VirtualMachine,
  line: string,
  words = kernelWords(line),
): Promise<Optimisations> {
  const optimisations = await foretell(machine, words);
  const hello = await hop(machine, `khop switch ${words} --fast --now --no-trial --yes`);
  assert.ok(hello.release.startsWith(`${line}.`), `${hello.release} is not ${line}`);
  return optimisations;
}

/** The kernel with its initrd, and nothing of the running command line. */
function withOwnCommandLine(line: string): string {
  return `${kernelWords(line).replace('--reuse-cmdline ', '')} --command-line console=ttyS0`;
}

for (const [firmware, lines] of [
  ['seabios', ['6.12', '7.2', '6.1']],
  ['ovmf', ['7.2', '6.12']],
] as const)
  test(
    `khop switches fast to ${lines.join(', ')} under ${firmware}, KASLR kept, and nothing of the machine is lost`,
    LIMIT,
    async () => {
      await using machine = await startSmallMachine({ kernel: '6.1', firmware, cpus: 2, memoryMib: 1536 });
      const before = await readHardware(machine);
      for (const line of lines) {
        const optimisations = await fastHop(machine, line);
        for (const name of ['direct-entry', 'initramfs', 'parameters'])
          assert.equal(optimisations.get(name)?.isUsed, true, `${line}: ${optimisations.get(name)?.detail}`);
        assertRandomPlace(await kernelPlace(machine));
        assert.match(
          (await machine.run('cat /proc/cmdline', COMMAND)).stdout,
          / cryptomgr\.notests .*khop\.added=cryptomgr\.notests/,
        );
        const after = await readHardware(machine);
        assert.deepEqual({ ...after, memoryKib: 0 }, { ...before, memoryKib: 0 });
        assert.ok(Math.abs(after.memoryKib - before.memoryKib) < 64 * 1024);
      }
    },
  );

test('nokaslr is honoured, and five-level paging is kept', LIMIT, async () => {
  await using machine = await startSmallMachine({ kernel: '6.12', hasFiveLevelPaging: true });
  const hasFiveLevels = async () => (await machine.exec('grep -qw la57 /proc/cpuinfo', COMMAND)).status === 0;
  assert.equal(await hasFiveLevels(), true, 'the machine to begin with has four levels');
  await fastHop(machine, '6.1', `${kernelWords('6.1')} --append nokaslr`);
  const fixed = await kernelPlace(machine);
  assert.deepEqual(
    { virtual: fixed.virtual, isRandom: fixed.isRandom },
    { virtual: LINKED_AT, isRandom: false },
  );
  assert.equal(await hasFiveLevels(), true);
  const optimisations = await fastHop(machine, '6.12', withOwnCommandLine('6.12'));
  assert.equal(optimisations.get('direct-entry')?.isUsed, true);
  assertRandomPlace(await kernelPlace(machine));
  const refused = await foretell(machine, `${kernelWords('6.12')} --append no5lvl`);
  assert.equal(refused.get('direct-entry')?.isUsed, false);
  assert.match(refused.get('direct-entry')?.detail ?? '', /no5lvl/);
});

test('under lockdown a fast switch is what kexec_file_load allows, and says so', LIMIT, async () => {
  await using machine = await startSmallMachine({ kernel: '6.1', kernelArguments: 'lockdown=integrity' });
  const plan = await machine.run(`khop plan ${kernelWords('6.12')} --fast --json`, PREPARE);
  const { method, directEntry, initrd } = JSON.parse(plan.stdout);
  assert.equal(method, 'file');
  assert.match(directEntry.obstacles.join(), /lockdown=integrity forbids kexec_load/);
  assert.match(initrd.source, /\/var\/cache\/khop\/prepared\//);
});

test(
  'a cache entry that has decayed is found out and made anew, and a killed prepare leaves none',
  LIMIT,
  async () => {
    await withDataDisk(async (disk) => {
      await using machine = await startSmallMachine({
        ...{ kernel: '6.1', memoryMib: 1536 },
        disks: [{ serial: 'data', path: disk, access: 'overlay' }],
      });
      await machine.run(MOUNT_STATE, COMMAND);
      const image = (await machine.run('ls /boot/vmlinuz-6.12.*', COMMAND)).stdout.trim();
      const prepare = `khop prepare ${image} --initrd $(ls /boot/initrd.img-6.12.*)`;
      await machine.run(
        `${prepare} --quiet & pid=$!
     while [ -z "$(ls /var/cache/khop/prepared/unfinished-*/kernel.image 2>/dev/null)" ]; do kill -0 $pid || exit 1; done
     kill -9 $pid; wait $pid; [ -z "$(ls -d /var/cache/khop/prepared/[0-9a-f]* 2>/dev/null)" ]`,
        PREPARE,
      );
      await machine.run(prepare, PREPARE);
      const left = (await machine.run('ls /var/cache/khop/prepared', COMMAND)).stdout.trim();
      assert.match(left, /^[0-9a-f]{64}$/, 'something unfinished is left');
      await machine.run(
        `printf '\\125' | dd of=/var/cache/khop/prepared/${left}/kernel.image bs=1 seek=5000000 conv=notrunc`,
        COMMAND,
      );
      const load = await machine.run(`khop load ${kernelWords('6.12')} --fast`, PREPARE);
      assert.match(
        load.stderr,
        /kernel\.image: is not what was written: its CRC-32 differs; it was prepared anew/,
      );
      const hello = await hop(machine, 'khop switch --loaded --now --no-trial --yes');
      assert.match(hello.release, /^6\.12\./);
      await machine.run(MOUNT_STATE, COMMAND);
      await machine.run('khop arrive', COMMAND);
      const { entries } = JSON.parse((await machine.run('khop history --json', COMMAND)).stdout);
      const { kind, outcome, arrivedRelease, optimisations } = entries.at(-1);
      assert.deepEqual([kind, outcome, arrivedRelease], ['switch', 'arrived', hello.release]);
      assert.ok(optimisations.includes('direct-entry'));
    });
  },
);

test('the lean profile leaves three start-up steps out, for one boot', LIMIT, async () => {
  await using machine = await startSmallMachine({ kernel: '6.12', memoryMib: 1536 });
  const hasJitter = async () =>
    (await machine.exec('grep -q jitterentropy_rng /proc/crypto', COMMAND)).status === 0;
  const skipped = async () =>
    [...(await machine.run('cat /proc/cmdline', COMMAND)).stdout.matchAll(/ initcall_blacklist=(\S+)/g)].map(
      ([, name]) => name,
    );
  assert.equal(await hasJitter(), true, 'the kernel is one without it');
  await fastHop(machine, '6.12', `${kernelWords('6.12')} --profile lean`);
  assert.deepEqual(await skipped(), ['jent_mod_init', 'trace_eval_init', 'init_kprobe_trace']);
  assert.equal(await hasJitter(), false);
  await machine.run('head -c 16 /dev/random | wc -c', COMMAND);
  await fastHop(machine, '6.12');
  assert.deepEqual(await skipped(), []);
  assert.equal(await hasJitter(), true);
});

test('a machine with 512 MiB switches fast', LIMIT, async () => {
  await using machine = await startSmallMachine({ kernel: '6.1', memoryMib: 512 });
  const optimisations = await fastHop(machine, '6.12');
  assert.equal(optimisations.get('direct-entry')?.isUsed, true);
  assertRandomPlace(await kernelPlace(machine));
});

/**
 * `khop guard`.
 * @module
 */
import { type Command, Option } from 'commander';
import type { GuardSettings } from '../../guard/guard-settings.ts';
import type { CliContext } from '../context.ts';
import { withExamples } from '../examples.ts';
import { collect, positiveInteger } from '../kernel-options.ts';

/** Of `khop guard on`. */
export interface OnOptions {
  readonly kernel?: string;
  readonly home?: string;
  readonly mode: GuardSettings['mode'];
  readonly cpus?: number;
  readonly deadline?: number;
  readonly to?: string;
  readonly dump: GuardSettings['dump'];
  readonly sshKey?: string;
  readonly caFile?: string;
  readonly encryptTo?: readonly string[];
  readonly keepFree?: number;
  readonly keepCrashes?: number;
  readonly keepDumps?: number;
  readonly loopWindow?: number;
  readonly memory?: string;
  readonly switch: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

interface RearmOptions {
  readonly quiet?: boolean;
  readonly json?: boolean;
}

interface LeaveOptions {
  readonly firmware?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

interface TestOptions {
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** As `khop arrive` waits for others at the start of a system. */
const REARM_BUSY_MS = 60_000;
/** guard-settings.ts has the same, but costs its library of checks when it is imported. */
const DUMP_KINDS = ['none', 'filtered', 'whole'] as const satisfies readonly GuardSettings['dump'][];

export function addGuardCommand(program: Command, context: CliContext): void {
  const guard = program
    .command('guard')
    .summary('after a panic, save a report and come back to a good kernel')
    .description(
      'Keep a panic kernel armed. When the running kernel dies, it saves what happened to /var/lib/khop/crashes\n' +
        'and takes the machine back to a known-good kernel, with all its memory and without the firmware.',
    );

  const on = guard
    .command('on')
    .summary('arm the guard, now and at every boot')
    .description(
      'Load a panic kernel of khop’s own making into the memory that crashkernel= reserves, and with it the kernel\n' +
        'to come home with. The machine leaves it before the deadline, whatever its program waits for; only a kernel\n' +
        'that hangs with interrupts off needs a running watchdog for that. Where no memory is reserved, say how much\n' +
        'is needed, tell the boot loader, and switch into the same kernel once to have it; with it comes panic=10, where\n' +
        'a panic before the guard is armed would stand still and no command line says panic=.\n' +
        'When a kernel dies twice in the same way, the next way home is an older kernel that was seen well; without\n' +
        'one, or where it cannot be started from the panic kernel and the firmware would start what died, the machine\n' +
        'stays in the panic kernel until a person sends it home: with a shell on the console, where busybox is\n' +
        'installed, else by Enter there, and by ssh, where the machine’s sshd lets root in by key.\n' +
        '\n' +
        'With --mode continue, for systems that must be back at once, the panic kernel is this system’s own and goes\n' +
        'on into normal user space in the reserved memory, on one CPU; the report is written beside it, and\n' +
        '`khop guard leave` takes the machine back to all its memory when that suits.',
    )
    .option('--kernel <kernel>', 'the panic kernel; the running one unless told')
    .option('--home <kernel>', 'the kernel to come home with; the running one unless told')
    .addOption(
      new Option('--mode <mode>', 'what the panic kernel does: save a report and go home, or go on and serve')
        .choices(['capture', 'continue'])
        .default('capture'),
    )
    .option('--cpus <n>', 'with --mode continue, how many CPUs the system goes on with (1)', positiveInteger)
    .option(
      '--deadline <seconds>',
      'when a capture leaves at the latest, 5 to 3600 (60, with a dump 600)',
      positiveInteger,
    )
    .option(
      '--to <place>',
      'where reports go: UUID=…:/folder, raw:PARTUUID=…, http(s)://HOST:PORT/path or ssh://USER@HOST:PORT/folder; /var/lib/khop/crashes unless told',
    )
    .option(
      '--ca-file <file>',
      'certificates that an https:// server is checked against; those of the system unless told',
    )
    .option('--ssh-key <file>', 'the secret key for ssh, without a passphrase, that is used for nothing else')
    .addOption(
      new Option('--dump <kind>', 'memory to save after the report: what makedumpfile keeps, or all')
        .choices(DUMP_KINDS)
        .default('none'),
    )
    .option(
      '--encrypt-to <key>',
      'an age public key, or a file of them: what is written of the crash is encrypted; may be repeated',
      collect,
    )
    .option('--keep-free <mib>', 'MiB that a dump leaves free where it goes (256)', positiveInteger)
    .option('--keep-crashes <number>', 'how many crashes are kept (10)', positiveInteger)
    .option('--keep-dumps <number>', 'how many dumps are kept (2)', positiveInteger)
    .option(
      '--loop-window <minutes>',
      'within which the same crash twice leads to another kernel, or a shell (60)',
      positiveInteger,
    )
    .option('--memory <size>', '`auto`, or MiB such as 160M, to be reserved at every start from now on')
    .option('--no-switch', 'leave the memory to the next start; do not switch into the same kernel for it')
    .option('--dry-run', 'say what would be done about memory, and do nothing')
    .option('-y, --yes', 'do not ask')
    .option('--json', 'print the result as JSON')
    .action(async (options: OnOptions) => turnOn(context, options));
  withExamples(on, [
    ['khop guard on', 'guard the running kernel, and come home with it'],
    ['khop guard on --dry-run', 'how much memory would it take, and what would be changed for it?'],
    [
      'khop guard on --home 6.1 --deadline 120',
      'come home with another kernel, after two minutes at the latest',
    ],
    ['khop guard on --to http://10.0.2.2:8080/crashes', 'put reports to a web server'],
    [
      'khop guard on --to https://reports.example.org/crashes --ca-file /etc/khop/ca.pem',
      'over TLS, by the curl of this machine',
    ],
    [
      'khop guard on --to ssh://crash@10.0.2.2/srv/crashes --ssh-key /etc/khop/crash-key',
      'send them to another machine, with a key that can do nothing else there',
    ],
    [
      'khop guard on --dump filtered --encrypt-to /etc/khop/recipients',
      'save the memory as well, all of it for the holders of these keys only',
    ],
    ['khop guard on --dump filtered', 'save the memory of the kernel that died as well'],
    ['khop guard on --mode continue --dry-run', 'how much memory would it take to go on after a panic?'],
  ]);

  const off = guard
    .command('off')
    .summary('disarm the guard, now and at every boot')
    .description(
      'Unload the panic kernel and forget that one was wanted; take crashkernel= and panic= out of the boot loader’s\n' +
        'settings if khop put them there. Reports stay where they are. A panic kernel that another program has loaded\n' +
        'stays, too: `panicKernelLeft` in the JSON says by what it is known. Where the kernel shows nobody what is\n' +
        'loaded, and nothing speaks of another, it is taken for the guard’s.',
    )
    .option('--json', 'print the result as JSON')
    .action(async (options: { readonly json?: boolean }) => turnOff(context, options));
  withExamples(off, [['khop guard off', 'a panic is then the kernel’s own affair again']]);

  const status = guard
    .command('status')
    .summary('say whether a panic now would be caught, and how')
    .description(
      'Compare what the kernel says, what was armed and what the machine is now. What cannot be read counts as not\n' +
        'armed. Exit status 3 when the guard is wanted and not armed, and in a system that goes on after a panic.\n' +
        'That what is loaded is the guard’s is seen in /proc/kcore. Where nobody could read that when it was armed, as\n' +
        'under lockdown=confidentiality, the guard counts as armed and says that this is not proven: `unproven` in\n' +
        'the JSON has the reason. Where the boot loader’s default is another kernel than the one to come home with, or\n' +
        'nobody knows it, a way home through the firmware ends there: that is said, too, `firmware` in the JSON.',
    )
    .option('--json', 'print the result as JSON')
    .action(async (options: { readonly json?: boolean }) => showStatus(context, options));
  withExamples(status, [['khop guard status', 'would a panic be caught now?']]);

  const rearm = guard
    .command('rearm')
    .summary('arm again if that is needed (run by khop-guard.service)')
    .description(
      'Arm again when the guard is wanted and what is loaded is not what it should be: after a boot, a switch, an\n' +
        'update of a kernel or an initrd, when CPUs or memory were plugged in, and each hour (khop-guard.timer).',
    )
    .option('--quiet', 'say nothing unless something fails')
    .option('--json', 'print the result as JSON')
    .action(async (options: RearmOptions) => rearmGuard(context, options));
  withExamples(rearm, [['khop guard rearm', 'after an update of the kernel']]);

  const leave = guard
    .command('leave')
    .summary('leave a system that goes on after a panic')
    .description(
      'Stop the services in order and take the machine back to the kernel that waits in memory, without the firmware;\n' +
        'where that cannot be, through it. Only for a system that `khop guard status` calls continuing.',
    )
    .option('--firmware', 'go through the firmware although a kernel waits')
    .option('-y, --yes', 'do not ask')
    .option('--json', 'print the way as JSON')
    .action(async (options: LeaveOptions) => leaveSystem(context, options));
  withExamples(leave, [['khop guard leave', 'all memory and CPUs back, when a pause suits']]);

  const test = guard
    .command('test')
    .summary('crash this machine on purpose, to see that it comes back')
    .description(
      'Crash the running kernel after asking. Services are not stopped; file systems are synced before. The start after\n' +
        'it tells each step of the way back with its time: `journalctl -u khop-arrive`, `khop crashes show last`. From then\n' +
        'on `khop guard status` says when it was, how it ended and after how long.',
    )
    .option('-y, --yes', 'do not ask')
    .option('--json', 'print as JSON what is about to happen')
    .action(async (options: TestOptions) => testGuard(context, options));
  withExamples(test, [['khop guard test', 'prove the way back while somebody watches']]);
}

async function turnOn(context: CliContext, options: OnOptions): Promise<void> {
  const { openGuardWorld } = await import('../guard-world.ts');
  const { turnGuardOn } = await import('../../guard/guard.ts');
  const { readFirmwareWay } = await import('../../guard/firmware-start.ts');
  const { standsStillEarly } = await import('../../guard/early-panic.ts');
  const { DEFAULT_GUARD_SETTINGS } = await import('../../guard/guard-settings.ts');
  const { reservedBytes } = await import('../../guard/capture-kernel.ts');
  const { readGuardSettings } = await import('../../guard/guard-status.ts');
  const { refuseOnTrial } = await import('../../switch/on-trial.ts');
  const { chosenSettings } = await import('../guard-on-settings.ts');
  const world = openGuardWorld(context);
  const { permanentMib, permanentPanic } = readGuardSettings(world) ?? DEFAULT_GUARD_SETTINGS;
  const told = { permanentMib, permanentPanic };
  const settings = { ...DEFAULT_GUARD_SETTINGS, ...told, ...chosenSettings(options, world) };
  await world.exclusively(async () => {
    refuseOnTrial(world, 'the guard is as it was');
    const isReserved = reservedBytes(world.readMachine()) > 0n;
    if (!isReserved || options.memory !== undefined || options.dryRun === true) {
      const { reserveMemory } = await import('./guard-reservation.ts');
      return await reserveMemory(context, world, settings, options);
    }
    const record = await turnGuardOn(world, settings);
    const machine = world.readMachine();
    const outlook = {
      firmware: await readFirmwareWay(world, machine, settings),
      standsStillEarly: standsStillEarly(machine),
    };
    if (options.json) {
      const { renderJson } = await import('../render/json.ts');
      context.print(renderJson({ ...record, ...outlook }));
      return;
    }
    const { renderArmed } = await import('../render/guard.ts');
    context.print(renderArmed(record, outlook));
  });
}

async function turnOff(context: CliContext, options: { readonly json?: boolean }): Promise<void> {
  const { openGuardWorld } = await import('../guard-world.ts');
  const { turnGuardOff } = await import('../../guard/guard.ts');
  const { releaseReservation } = await import('../../guard/reservation.ts');
  const { refuseOnTrial } = await import('../../switch/on-trial.ts');
  const world = openGuardWorld(context);
  const { released, whyLeft } = await world.exclusively(async () => {
    refuseOnTrial(world, 'the guard is as it was');
    // First, because the settings tell that there is something to release.
    const outcome = await releaseReservation(world);
    return { released: outcome, whyLeft: turnGuardOff(world) };
  });
  const steps = released.permanent?.steps ?? [];
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    const obstacle = released.obstacle ?? null;
    context.print(
      renderJson({ state: 'off', bootLoader: steps, obstacle, panicKernelLeft: whyLeft ?? null }),
    );
    return;
  }
  const { describeBootLoaderStep } = await import('../../machine/boot-loader/apply-steps.ts');
  for (const step of steps) context.print(describeBootLoaderStep(step));
  if (released.obstacle !== undefined)
    context.remark(
      `The boot loader’s settings still have ${released.names.map((name) => `${name}=`).join(' and ')}: ${released.obstacle}`,
    );
  const { renderTurnedOff } = await import('../render/guard.ts');
  context.print(renderTurnedOff(whyLeft));
}

async function showStatus(context: CliContext, options: { readonly json?: boolean }): Promise<void> {
  const { openGuardWorld } = await import('../guard-world.ts');
  const { readGuardStatus } = await import('../../guard/guard-status.ts');
  const { readFirmwareWay } = await import('../../guard/firmware-start.ts');
  const { lastTestOf } = await import('../../guard/asked-crash.ts');
  const { readHistory } = await import('../../switch/read-history.ts');
  const world = openGuardWorld(context);
  const machine = world.readMachine();
  const found = readGuardStatus(world, machine);
  const { state, settings } = found;
  // It is the armed guard that takes the firmware's way.
  const firmware =
    state === 'armed' && settings !== undefined ? await readFirmwareWay(world, machine, settings) : null;
  const lastTest = state === 'armed' ? lastTestOf(world, machine, readHistory(world)) : null;
  const status = { ...found, firmware, lastTest };
  if (status.state === 'not-armed' || status.state === 'continuing') context.exitWith(3);
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    context.print(renderJson(status));
    return;
  }
  const { renderGuardStatus } = await import('../render/guard.ts');
  context.print(renderGuardStatus(status, context));
}

async function rearmGuard(context: CliContext, options: RearmOptions): Promise<void> {
  const { openGuardWorld } = await import('../guard-world.ts');
  const { keepArmed } = await import('../../guard/guard.ts');
  const { onceFree } = await import('../../trial/when-free.ts');
  const { setTimeout: sleep } = await import('node:timers/promises');
  const world = openGuardWorld(context);
  const wait = async (ms: number) => await sleep(ms, undefined, { signal: context.signal });
  // A unit has started this, and whoever is at work then is mostly done soon.
  const outcome = await onceFree(world, wait, REARM_BUSY_MS, async () => keepArmed(world));
  if (options.quiet === true) return;
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    context.print(renderJson(outcome));
    return;
  }
  const { renderKeptArmed } = await import('../render/guard.ts');
  context.print(renderKeptArmed(outcome));
}

async function leaveSystem(context: CliContext, options: LeaveOptions): Promise<void> {
  const { openGuardWorld } = await import('../guard-world.ts');
  const { planLeave } = await import('../../guard/leave.ts');
  const { renderLeaving } = await import('../render/guard.ts');
  const { agreeTo } = await import('../agreement.ts');
  const world = openGuardWorld(context);
  const { way, homeTitle, obstacle } = await world.exclusively(async () => {
    const plan = planLeave(world, world.readMachine(), options.firmware === true);
    context.remark(renderLeaving(plan));
    await agreeTo(context, options, 'Leave now? Services stop.', 'services would stop');
    await plan.leave();
    return plan;
  });
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    context.print(renderJson({ leaving: true, way, homeTitle, obstacle }));
    return;
  }
  context.print('This system goes down now. When the machine is back: khop crashes show last');
}

async function testGuard(context: CliContext, options: TestOptions): Promise<void> {
  const { KhopError } = await import('../../error.ts');
  const { openWorld } = await import('../world.ts');
  const { readGuardStatus } = await import('../../guard/guard-status.ts');
  const { crashKernel } = await import('../../machine/crash-trigger.ts');
  const { announceAskedCrash, takeBackAskedCrash } = await import('../../guard/asked-crash.ts');
  const { agreeTo } = await import('../agreement.ts');
  const world = openWorld(context);
  const machine = world.readMachine();
  const { state, problems, record } = readGuardStatus(world, machine);
  if (state !== 'armed' || record === undefined)
    throw new KhopError('E_REFUSED', `the guard is not armed: ${problems[0] ?? 'it is off'}`, {
      hint: 'A crash now would need hands. Arm it first: khop guard on',
    });
  const question = 'Crash this machine now? Its services stop without notice.';
  await agreeTo(context, options, question, 'the machine would crash');
  // Before: nothing is printed after a crash.
  if (options.json) {
    const { renderJson } = await import('../render/json.ts');
    context.print(renderJson({ crashing: true, guard: record }));
  }
  context.remark('Crashing. When the machine is back: khop crashes show last');
  await world.shutdown.syncAhead();
  // After what may take minutes: it is known by its time.
  announceAskedCrash(world, machine, record.id);
  try {
    crashKernel();
  } catch (error) {
    takeBackAskedCrash(world);
    throw error;
  }
}

/**
 * `khop lab`: virtual machines to try khop in.
 * @module
 */
import { type Command, Option } from 'commander';
import type { Architecture } from '../../formats/architecture.ts';
import type { LabRequest, RunningMachine } from '../../lab/running-machines.ts';
import type { CliContext } from '../context.ts';
import { withExamples } from '../examples.ts';
import { positiveInteger } from '../kernel-options.ts';

interface UpOptions {
  readonly full?: boolean;
  readonly arch: Architecture;
  readonly kernel: '6.1' | '6.12' | '7.2';
  readonly firmware: 'seabios' | 'ovmf';
  readonly cpus: number;
  readonly memory: number;
  readonly append?: string;
  readonly sshPort?: number;
  readonly cold?: boolean;
  readonly json?: boolean;
}

interface ExecOptions {
  readonly timeout: number;
  readonly detach?: boolean;
  readonly json?: boolean;
}

interface JsonOption {
  readonly json?: boolean;
}

/** Adds `khop lab` with everything below it. */
export function addLabCommand(program: Command, context: CliContext): void {
  const lab = program
    .command('lab')
    .summary('virtual machines to try khop in')
    .description(
      'Virtual machines to try khop in, made of unmodified Debian packages. khop is in them as `khop`, kernels\n' +
        'to switch to are in /boot and /tool/boot, and what a machine writes ends with it. The first start\n' +
        'fetches and builds; later ones take a second or two.',
    )
    .enablePositionalOptions();
  addUp(lab, context);
  addList(lab, context);
  addExec(lab, context);
  addCopy(lab, context);
  addConsole(lab, context);
  addDown(lab, context);
  withExamples(lab, [
    ['khop lab up', 'start a small machine with kernel 6.1'],
    ['khop lab exec lab khop list', 'what could it be switched to?'],
    ['khop lab down lab', 'end it'],
  ]);
}

function addUp(lab: Command, context: CliContext): void {
  const up = lab
    .command('up')
    .summary('start a machine')
    .description('Start a machine that runs until `khop lab down`, and wait until it can be used.')
    .argument('[name]', 'what to call it', 'lab')
    .option('--full', 'Debian with systemd and ssh on a disk, through GRUB; building it needs root once')
    .addOption(
      new Option('--arch <name>', 'processor of a small machine; arm64 starts without firmware')
        .choices(['x86-64', 'arm64'])
        .default('x86-64'),
    )
    .addOption(
      new Option('--kernel <line>', 'kernel of a small machine')
        .choices(['6.1', '6.12', '7.2'])
        .default('6.1'),
    )
    .addOption(new Option('--firmware <kind>', 'firmware').choices(['seabios', 'ovmf']).default('seabios'))
    .option('--cpus <n>', 'number of CPUs', positiveInteger, 2)
    .option('--memory <mib>', 'memory in MiB', positiveInteger, 1024)
    .addOption(
      new Option('--append <text>', 'add to the kernel command line of a small machine').conflicts('full'),
    )
    .addOption(
      new Option('--ssh-port <port>', 'loopback port for the ssh of a full machine').argParser(
        positiveInteger,
      ),
    )
    .option('--cold', 'boot it, instead of starting where an earlier boot had ended')
    .option('--json', 'print the result as JSON')
    .action(async (name: string, options: UpOptions) => startLab(context, name, options));
  withExamples(up, [
    ['khop lab up', 'a small machine named lab'],
    ['khop lab up server --full --firmware ovmf', 'Debian with systemd, started by UEFI firmware'],
    ['khop lab up board --arch arm64', 'an emulated arm64 machine'],
    ['khop lab up locked --append lockdown=integrity', 'a kernel that refuses kexec_load'],
  ]);
}

function requestOf(options: UpOptions): LabRequest {
  const { firmware, cpus, memory: memoryMib, cold: isCold } = options;
  const common = { firmware, cpus, memoryMib, isCold };
  return options.full
    ? { kind: 'full', options: { ...common, sshPort: options.sshPort } }
    : {
        kind: 'small',
        options: {
          ...common,
          kernel: options.kernel,
          flavour: options.arch === 'arm64' ? 'arm64' : 'amd64',
          kernelArguments: options.append,
        },
      };
}

async function startLab(context: CliContext, name: string, options: UpOptions): Promise<void> {
  if (options.arch === 'arm64' && (options.full || options.firmware === 'ovmf')) {
    const { KhopError } = await import('../../error.ts');
    throw new KhopError('E_USAGE', 'an arm64 machine of the lab is small and has no firmware', {
      hint: 'Leave out --full and --firmware, or use --arch x86-64.',
    });
  }
  const { startMachine } = await import('../../lab/running-machines.ts');
  context.remark(`Starting ${name}; the first start of its kind fetches and builds, which takes minutes.`);
  const machine = await startMachine(name, requestOf(options));
  if (options.json) return await printJson(context, machine);
  context.print(`${name} is running; its console is in ${machine.folder}/console.log`);
  context.print(`Next: khop lab exec ${name} khop list`);
}

function addList(lab: Command, context: CliContext): void {
  const list = lab
    .command('list')
    .summary('show the machines that run')
    .option('--json', 'print the result as JSON')
    .action(async (options: JsonOption) => {
      const { listMachines } = await import('../../lab/running-machines.ts');
      const machines = await listMachines();
      if (options.json) return await printJson(context, machines);
      await printMachines(context, machines);
    });
  withExamples(list, [['khop lab list', 'which machines run?']]);
}

async function printMachines(context: CliContext, machines: readonly RunningMachine[]): Promise<void> {
  if (machines.length === 0) return context.print('No lab machine is running. Next: khop lab up');
  const { renderTable } = await import('../render/table.ts');
  const rows = machines.map(({ name, kind, startedAt, process, folder }) => [
    name,
    kind,
    startedAt,
    String(process.pid),
    folder,
  ]);
  context.print(renderTable([['NAME', 'KIND', 'STARTED', 'PID', 'FOLDER'], ...rows]));
}

function addExec(lab: Command, context: CliContext): void {
  const exec = lab
    .command('exec')
    .summary('run a command in a machine')
    .description(
      'Run a command in a machine and end with its exit status. A single word with spaces is a shell script.',
    )
    .argument('<name>', 'the machine')
    .argument('<command...>', 'program and arguments')
    .option('--timeout <seconds>', 'end the command after that long', positiveInteger, 60)
    .option('--detach', 'do not wait: for a command that ends the running kernel')
    .option('--json', 'print exit status and both outputs as JSON')
    .passThroughOptions()
    .action(async (name: string, words: string[], options: ExecOptions) =>
      execute(context, name, words, options),
    );
  withExamples(exec, [
    ['khop lab exec lab uname -r', 'which kernel runs in it?'],
    ["khop lab exec lab 'dmesg | tail'", 'a shell script'],
    ['khop lab exec --detach lab khop switch 6.12 --yes', 'let it jump'],
  ]);
}

async function execute(
  context: CliContext,
  name: string,
  words: readonly string[],
  options: ExecOptions,
): Promise<void> {
  const { openAgent } = await import('../../lab/running-machines.ts');
  const { quoteWord } = await import('../../lab/agent-channel.ts');
  const script = words.length === 1 ? words[0]! : words.map(quoteWord).join(' ');
  const { agent } = await openAgent(name);
  using _agent = agent;
  if (options.detach) {
    await agent.start(script);
    if (options.json) return await printJson(context, { machine: name, started: true });
    return context.print(`Started. Next: khop lab console ${name}`);
  }
  const { status, stdout, stderr } = await agent.exec(script, options.timeout * 1000);
  context.exitWith(status);
  if (options.json) return await printJson(context, { machine: name, status, stdout, stderr });
  if (stdout !== '') context.print(stdout.replace(/\n$/, ''));
  if (stderr !== '') context.remark(stderr.replace(/\n$/, ''));
}

function addCopy(lab: Command, context: CliContext): void {
  const copy = lab
    .command('cp')
    .summary('copy a file into or out of a machine')
    .argument('<from>', 'a path, or NAME:/PATH in a machine')
    .argument('<to>', 'a path, or NAME:/PATH in a machine')
    .option('--json', 'print the result as JSON')
    .action(async (from: string, to: string, options: JsonOption) => {
      const { copyBetween } = await import('../lab-copy.ts');
      const bytes = await copyBetween(from, to);
      if (options.json) return await printJson(context, { from, to, bytes });
      context.print(`${bytes} bytes copied`);
    });
  withExamples(copy, [
    ['khop lab cp ./vmlinuz lab:/tmp/vmlinuz', 'give it a kernel of yours'],
    ['khop lab cp lab:/proc/iomem ./iomem', 'files of /proc and /sys can be read too'],
  ]);
}

function addConsole(lab: Command, context: CliContext): void {
  const command = lab
    .command('console')
    .summary('sit at a machine’s serial console')
    .description('Connect this terminal with a machine’s serial console. Ctrl-] leaves it.')
    .argument('<name>', 'the machine')
    .option('--log', 'print what the console has said so far, and do not connect')
    .option('--json', 'as --log, and where a program can connect, as JSON')
    .action(async (name: string, options: JsonOption & { readonly log?: boolean }) => {
      const { consoleSocket, readConsole } = await import('../../lab/running-machines.ts');
      if (options.json) {
        const socket = await consoleSocket(name);
        return await printJson(context, { machine: name, socket, log: await readConsole(name) });
      }
      if (options.log) return context.print((await readConsole(name)).trimEnd());
      const { holdConsole } = await import('../../lab/console-session.ts');
      const path = await consoleSocket(name);
      context.remark(`Connected to ${name}; Ctrl-] leaves.`);
      await holdConsole(path, { input: process.stdin, output: process.stdout });
    });
  withExamples(command, [
    ['khop lab console lab', 'type on it'],
    ['khop lab console lab --log', 'what has it said?'],
  ]);
}

function addDown(lab: Command, context: CliContext): void {
  const down = lab
    .command('down')
    .summary('end machines')
    .description('End machines as pulling the plug does. What they wrote is gone.')
    .argument('[name...]', 'the machines')
    .option('--all', 'all that run')
    .option('--json', 'print the result as JSON')
    .action(async (names: string[], options: JsonOption & { readonly all?: boolean }) => {
      const { endMachine, listMachines } = await import('../../lab/running-machines.ts');
      const { KhopError } = await import('../../error.ts');
      const chosen = options.all ? (await listMachines()).map(({ name }) => name) : names;
      if (chosen.length === 0 && !options.all)
        throw new KhopError('E_USAGE', 'no machine is named', { hint: 'Name one, or give --all.' });
      for (const name of chosen) {
        await endMachine(name);
        if (!options.json) context.print(`${name} has ended`);
      }
      if (options.json) await printJson(context, { ended: chosen });
    });
  withExamples(down, [
    ['khop lab down lab', 'end the machine named lab'],
    ['khop lab down --all', 'end every one'],
  ]);
}

async function printJson(context: CliContext, value: unknown): Promise<void> {
  const { renderJson } = await import('../render/json.ts');
  context.print(renderJson(value));
}

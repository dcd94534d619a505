/**
 * khop called as `kexec`: kexec-tools' actions with kexec-tools' exit statuses, carried out by khop's rooms.
 * No preflight stands in the way, as scripts expect; the planner's own refusals do.
 * @module
 */
import { valueOf } from '../../machine/reading.ts';
import type { SwitchWorld } from '../../switch/world.ts';
import { VERSION } from '../../version.ts';
import type { CliContext } from '../context.ts';
import { KEXEC_HELP } from './kexec-help.ts';
import { type KexecRequest, parseKexecOptions } from './kexec-options.ts';

/** kexec-tools' exit statuses: of die() and wrong options, EFAILED, EFALLBACK. */
const DIED = 1;
const FAILED = 255;
const NO_FILE_LOAD = 253;

type OpenWorld = () => Promise<SwitchWorld>;

/**
 * @param argv as kexec-tools take it; `--json` is khop's own
 * @param open the world; a test gives one of its own
 * @returns the exit status
 */
export async function runKexec(
  context: CliContext,
  argv: readonly string[],
  open: OpenWorld = async () => (await import('../world.ts')).openWorld(context),
): Promise<number> {
  if (!argv.includes('--json')) return answer(context, argv, open);
  const output: string[] = [];
  const messages: string[] = [];
  const exitStatus = await answer(
    { ...context, print: (text) => output.push(text), remark: (text) => messages.push(text) },
    argv.filter((word) => word !== '--json'),
    open,
  );
  const { renderJson } = await import('../render/json.ts');
  context.print(renderJson({ exitStatus, output, messages }));
  return exitStatus;
}

async function answer(context: CliContext, argv: readonly string[], open: OpenWorld): Promise<number> {
  try {
    const request = parseKexecOptions(argv);
    if (request.action === 'help') context.print(KEXEC_HELP);
    else if (request.action === 'version') context.print(`kexec-tools compatible, khop ${VERSION}`);
    else return await act(context, await open(), request);
    return 0;
  } catch (error) {
    const { asKhopError, renderError } = await import('../render/error.ts');
    const failure = asKhopError(error);
    context.remark(renderError(failure, context));
    return failure.code === 'E_USAGE' ? DIED : FAILED;
  }
}

async function act(context: CliContext, world: SwitchWorld, request: KexecRequest): Promise<number> {
  if (request.isDebug && request.ignored.length > 0)
    context.remark(`kexec: accepted without effect: ${request.ignored.join(' ')}`);
  switch (request.action) {
    case 'status':
      return printStatus(context, world, request.statusSlot);
    case 'print-ckr-size':
      context.print(String(valueOf(world.readMachine().kexec.crashSize) ?? 0n));
      return 0;
    case 'unload':
    case 'unload-panic': {
      const { unload } = await import('../../switch/load.ts');
      await world.exclusively(async () => unload(world, request.action === 'unload' ? 'normal' : 'crash'));
      return 0;
    }
    case 'exec':
      return jump(context, world, request);
    case 'force': {
      const status = await load(context, world, request);
      return status === 0 ? jump(context, world, request) : status;
    }
    case 'load-and-reboot': {
      const status = await load(context, world, request);
      if (status === 0) await leave(world);
      return status;
    }
    default:
      return load(context, world, request);
  }
}

/** kexec-tools call shutdown(8), which jumps only where the system's scripts do. */
async function leave(world: SwitchWorld): Promise<void> {
  world.shutdown.sayLeaving();
  if (valueOf(world.readMachine().serviceManager) === 'systemd')
    return world.shutdown.throughServiceManager();
  return world.shutdown.byOurselves({ stopTimeoutMs: world.configuration.stopTimeoutMs });
}

function printStatus(context: CliContext, world: SwitchWorld, slot: 'normal' | 'crash'): number {
  const { kexec } = world.readMachine();
  const reading = slot === 'normal' ? kexec.loaded : kexec.crashLoaded;
  const isLoaded = valueOf(reading);
  if (isLoaded === undefined) {
    context.remark(`kexec: ${reading.source} cannot be read`);
    return FAILED;
  }
  return isLoaded ? 1 : 0;
}

function jump(context: CliContext, world: SwitchWorld, request: KexecRequest): number {
  const { loaded } = world.readMachine().kexec;
  if (valueOf(loaded) !== true) {
    // Interfaces go down before the call that finds out: without an answer nothing is touched.
    if (loaded.state !== 'read') context.remark(`kexec: ${loaded.source} cannot be read`);
    context.remark('Nothing has been loaded!');
    return DIED;
  }
  world.shutdown.sayLeaving();
  world.shutdown.immediately({ sync: request.sync, ifdown: request.ifdown });
  return FAILED;
}

async function load(context: CliContext, world: SwitchWorld, request: KexecRequest): Promise<number> {
  const { kernel } = request;
  if (kernel !== undefined) return world.exclusively(async () => loadFile(context, world, request, kernel));
  context.remark('No kernel specified');
  return FAILED;
}

async function loadFile(
  context: CliContext,
  world: SwitchWorld,
  request: KexecRequest,
  kernel: string,
): Promise<number> {
  const { machine, plan } = await planFor(world, request, kernel);
  const isPanic = request.action === 'load-panic';
  if (isPanic && (valueOf(machine.kexec.crashSize) ?? 0n) === 0n) {
    context.remark('Memory for crashkernel is not reserved');
    context.remark('Please reserve memory by passing"crashkernel=Y@X" parameter to kernel');
    context.remark('Then try to loading kdump kernel');
    return DIED;
  }
  const fileLoad = valueOf(machine.kexec.kexecFileLoad);
  if (request.method === 'file' && fileLoad?.state === 'missing') {
    context.remark('syscall kexec_file_load not available.');
    return NO_FILE_LOAD;
  }
  const { loadPlan } = await import('../../switch/load.ts');
  if (request.isDebug) {
    const { renderLoadPlan } = await import('../render/load-plan.ts');
    context.remark(renderLoadPlan(plan(), context));
  }
  if (!isPanic) {
    const { concludeLoad } = await import('../../switch/load-end.ts');
    concludeLoad(world);
  }
  await loadPlan(world, plan(), { by: 'kexec', optimisations: [] });
  return 0;
}

async function planFor(world: SwitchWorld, request: KexecRequest, kernel: string) {
  const { planForFile } = await import('../../switch/plan-for-file.ts');
  return planForFile(world, {
    kernel,
    initrd: request.initrd,
    dtb: request.dtb,
    // kexec-tools starts from an empty line unless asked to reuse, and so do the scripts that call it.
    commandLine: request.reuseCommandLine ? undefined : (request.commandLine ?? ''),
    append: request.append,
    method: request.method,
    slot: request.action === 'load-panic' ? 'crash' : 'normal',
  });
}

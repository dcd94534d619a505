/**
 * khop called as `kexec`: kexec-tools' actions with kexec-tools' exit statuses, carried out by khop's rooms.
 * No preflight stands in the way, as scripts expect; the planner's own refusals do.
 * @module
 */
import { KhopError } from '../../error.ts';
import { valueOf } from '../../machine/reading.ts';
import type { SwitchWorld } from '../../switch/world.ts';
import { VERSION } from '../../version.ts';
import type { CliContext } from '../context.ts';
import { KEXEC_HELP } from './kexec-help.ts';
import { type KexecRequest, parseKexecOptions } from './kexec-options.ts';

/** kexec-tools' exit statuses: EFAILED, ENOCRASHKERNEL, EFALLBACK. */
const FAILED = 255;
const NO_CRASH_KERNEL = 254;
const NO_FILE_LOAD = 253;

/** @returns the exit status */
export async function runKexec(context: CliContext, argv: readonly string[]): Promise<number> {
  try {
    const request = parseKexecOptions(argv);
    if (request.action === 'help') context.print(KEXEC_HELP);
    else if (request.action === 'version') context.print(`kexec-tools compatible, khop ${VERSION}`);
    else {
      const { openWorld } = await import('../world.ts');
      return await act(context, openWorld(context), request);
    }
    return 0;
  } catch (error) {
    const { asKhopError, renderError } = await import('../render/error.ts');
    const failure = asKhopError(error);
    context.remark(renderError(failure, context));
    return failure.code === 'E_USAGE' ? 1 : FAILED;
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
      unload(world, request.action === 'unload' ? 'normal' : 'crash');
      return 0;
    }
    case 'exec':
      return jump(world, request);
    case 'force':
      if (request.kernel !== undefined) await load(context, world, request);
      return jump(world, request);
    case 'load-and-reboot': {
      const status = await load(context, world, request);
      if (status === 0) await world.shutdown.throughServiceManager();
      return status;
    }
    default:
      return load(context, world, request);
  }
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

function jump(world: SwitchWorld, request: KexecRequest): number {
  if (valueOf(world.readMachine().kexec.loaded) === false)
    throw new KhopError('E_STATE', 'nothing has been loaded', {
      hint: 'Load a kernel first: kexec -l KERNEL',
    });
  world.shutdown.immediately({ sync: request.sync, ifdown: request.ifdown });
  return FAILED;
}

async function load(context: CliContext, world: SwitchWorld, request: KexecRequest): Promise<number> {
  if (request.kernel === undefined)
    throw new KhopError('E_USAGE', 'kexec: no kernel specified', { hint: 'Give the kernel’s image file.' });
  const { machine, plan } = await planFor(world, request, request.kernel);
  const isPanic = request.action === 'load-panic';
  if (isPanic && (valueOf(machine.kexec.crashSize) ?? 0n) === 0n) {
    context.remark('Memory for crashkernel is not reserved');
    context.remark('Please reserve memory by passing"crashkernel=Y@X" parameter to kernel');
    return NO_CRASH_KERNEL;
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
  loadPlan(world, plan(), { by: 'kexec', optimisations: [] });
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

/**
 * kexec_file_load or kexec_load. The first comes first wherever it works: under lockdown, Secure Boot and
 * IMA it is the only one allowed, and the kernel hands over more than user space can see. The second is for
 * what the first cannot load.
 * @module
 */
import { KhopError } from '../error.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import type { KexecSlot, LoadMethod } from './load-plan.ts';

/** What the choice depends on. */
export interface MethodQuestion {
  readonly machine: MachineFacts;
  readonly slot: KexecSlot;
  readonly asked: LoadMethod | 'auto';
  /** Why kexec_file_load cannot load this kernel here, one clause each; empty when it can. */
  readonly fileObstacles: readonly string[];
  /** Why khop cannot place this kernel's segments, one clause each; empty when it can. */
  readonly segmentObstacles: readonly string[];
}

/** The choice and its reason, one sentence. */
export interface MethodAnswer {
  readonly method: LoadMethod;
  readonly reason: string;
}

/** X86_SUBARCH_XEN, Documentation/arch/x86/boot.rst, hardware_subarch: a paravirtual Xen kernel. */
const X86_SUBARCH_XEN = 2;
const HARDWARE_SUBARCH = 0x23c;

/** Gates that close both system calls. */
function commonGates(machine: MachineFacts, slot: KexecSlot): string[] {
  const gates: string[] = [];
  const { kexec } = machine;
  if (valueOf(kexec.loadDisabled) === true) gates.push('the sysctl kernel.kexec_load_disabled is 1');
  const [limit, name] =
    slot === 'crash'
      ? [valueOf(kexec.loadLimitPanic), 'kernel.kexec_load_limit_panic']
      : [valueOf(kexec.loadLimitReboot), 'kernel.kexec_load_limit_reboot'];
  if (limit === 0) gates.push(`the sysctl ${name} is used up (0)`);
  const bootParams = valueOf(machine.bootParams);
  const isParavirtualXen =
    valueOf(machine.hypervisor) === 'xen' && bootParams?.[HARDWARE_SUBARCH] === X86_SUBARCH_XEN;
  if (isParavirtualXen)
    gates.push('the running kernel is a paravirtual Xen guest, whose kexec is the hypervisor’s');
  return gates;
}

/** A call that only lacks CAP_SYS_BOOT can still be planned: whoever loads the plan will have it. */
function availabilityGates(machine: MachineFacts, method: LoadMethod): string[] {
  const call = method === 'file' ? 'kexec_file_load' : 'kexec_load';
  const reading = method === 'file' ? machine.kexec.kexecFileLoad : machine.kexec.kexecLoad;
  if (reading.state !== 'read') return [];
  if (reading.value.state === 'missing') return [`the running kernel has no ${call}`];
  const lacksCapability = valueOf(machine.capabilities)?.has('sys_boot') === false;
  if (reading.value.state === 'denied' && !lacksCapability)
    return [`${call} is denied (${reading.value.errno})`];
  return [];
}

function fileGates(question: MethodQuestion): string[] {
  return [...availabilityGates(question.machine, 'file'), ...question.fileObstacles];
}

function segmentGates(question: MethodQuestion): string[] {
  const lockdown = valueOf(question.machine.lockdown);
  const locked =
    lockdown === 'integrity' || lockdown === 'confidentiality'
      ? [`lockdown=${lockdown} forbids kexec_load`]
      : [];
  // With the lockdown gate named, EPERM from the probe says nothing new.
  const availability = locked.length > 0 ? [] : availabilityGates(question.machine, 'segments');
  return [...locked, ...availability, ...question.segmentObstacles];
}

/**
 * Why a kernel that was unpacked beforehand cannot be loaded here, one clause each; empty when it can. It goes
 * by kexec_load, so the gates of that call count.
 */
export function directGates(question: MethodQuestion): readonly string[] {
  const asked = question.asked === 'file' ? ['kexec_file_load was asked for'] : [];
  return [...commonGates(question.machine, question.slot), ...asked, ...segmentGates(question)];
}

function refuse(gates: readonly string[], hint: string): never {
  throw new KhopError('E_PLAN', `this kernel cannot be loaded: ${gates.join('; ')}`, { hint });
}

/**
 * @returns the method and why
 * @throws E_PLAN naming every gate that is closed
 */
export function chooseMethod(question: MethodQuestion): MethodAnswer {
  const common = commonGates(question.machine, question.slot);
  if (common.length > 0)
    refuse(common, 'This can only be changed by starting the machine anew through its firmware.');
  const file = fileGates(question);
  const segments = segmentGates(question);
  if (question.asked === 'file') {
    if (file.length > 0) refuse(file, 'Try --method auto, which takes the other way where that is possible.');
    return { method: 'file', reason: 'kexec_file_load was asked for.' };
  }
  if (question.asked === 'segments') {
    if (segments.length > 0)
      refuse(segments, 'Try --method auto, which takes the other way where that is possible.');
    return { method: 'segments', reason: 'kexec_load with own segments was asked for.' };
  }
  if (file.length === 0)
    return {
      method: 'file',
      reason: 'kexec_file_load can load this kernel, and hands over the most.',
    };
  if (segments.length === 0)
    return { method: 'segments', reason: `kexec_load is the only way: ${file.join('; ')}.` };
  return refuse(
    [...file, ...segments],
    'Use a signed kernel image as the distribution ships it, or start it through the firmware.',
  );
}

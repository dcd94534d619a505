/**
 * IMA can appraise what is loaded: kexec_load then ends with EACCES ("impossible to appraise a kernel image
 * without a file descriptor"), and kexec_file_load needs a signature in security.ima of the very file.
 * Documentation/ABI/testing/ima_policy, func=KEXEC_KERNEL_CHECK and KEXEC_INITRAMFS_CHECK.
 * @module
 */
import type { MachineFacts } from '../../machine/facts.ts';
import type { ImaMark } from '../../machine/ima-attribute.ts';
import { commandLineValue } from '../command-line.ts';
import type { Finding } from '../finding.ts';
import { configAnswer, configEvidence, isSecureBootOn, likelyMethod } from './conditions.ts';
import type { KernelView } from './kernel-view.ts';
import type { PreflightCheck } from './preflight-check.ts';
import { evidenceOf, resultsOf } from './result.ts';

const SIGN =
  'Sign the plain kernel image with evmctl ima_sign, or use one whose package carries signatures of IMA.';

const APPRAISES_KEXEC = /^\s*appraise\b.*\bfunc=KEXEC_(?:KERNEL|INITRAMFS)_CHECK\b/;

/** What the boot policy is made from, where the policy itself cannot be read (CONFIG_IMA_READ_POLICY unset). */
function bootPolicyAppraises(machine: MachineFacts): boolean | undefined {
  if (machine.commandLine.state !== 'read' || machine.kernelConfig.state !== 'read') return undefined;
  const policy = commandLineValue(machine.commandLine.value, 'ima_policy') ?? '';
  const byArchitecture =
    configAnswer(machine.kernelConfig, 'IMA_ARCH_POLICY') === 'built-in' && isSecureBootOn(machine);
  const byBuild = configAnswer(machine.kernelConfig, 'IMA_APPRAISE_REQUIRE_KEXEC_SIGS') === 'built-in';
  return /secure_boot/.test(policy) || byArchitecture || byBuild;
}

/** True: kexec images are appraised. Undefined: nobody can say. */
function appraises(machine: MachineFacts): boolean | undefined {
  const policy = machine.imaPolicy;
  if (policy.state === 'absent') return false;
  if (policy.state === 'read') return policy.value.some((line) => APPRAISES_KEXEC.test(line));
  return bootPolicyAppraises(machine);
}

function evidenceFor(machine: MachineFacts): string[] {
  const policy = evidenceOf(machine.imaPolicy, (lines) => {
    const rules = lines.filter((line) => APPRAISES_KEXEC.test(line));
    return rules.length === 0 ? `${lines.length} rules, none appraises kexec` : rules.join('; ');
  });
  if (machine.imaPolicy.state !== 'unreadable') return [policy];
  return [
    policy,
    evidenceOf(machine.commandLine),
    configEvidence(machine.kernelConfig, ['IMA_ARCH_POLICY', 'IMA_APPRAISE_REQUIRE_KEXEC_SIGS']),
  ];
}

/** Why `image` would be turned away and what helps; undefined: it is signed, or that is not known. */
function objection(image: KernelView): { readonly title: string; readonly remedy: string } | undefined {
  const { kind, imaMark } = image;
  if (kind === 'uki' || kind === 'zboot' || kind === 'compressed')
    return {
      title: 'IMA appraises kexec images, and the unwrapped image is a copy without a signature of IMA.',
      remedy: SIGN,
    };
  if (imaMark.state === 'unreadable') return undefined;
  if (imaMark.state === 'absent')
    return { title: 'IMA appraises kexec images, and this file has no signature of IMA.', remedy: SIGN };
  switch (imaMark.value.kind) {
    case 'signature':
      return undefined;
    case 'unsupported':
      return {
        title: 'IMA appraises kexec images, and the file system of this one cannot hold a signature of IMA.',
        remedy: `Copy the kernel to a file system with extended attributes. ${SIGN}`,
      };
    default:
      return {
        title: 'IMA appraises kexec images, and what this file carries for IMA is no signature.',
        remedy: SIGN,
      };
  }
}

function judgeImage(image: KernelView, machineEvidence: readonly string[]): readonly Finding[] {
  const results = resultsOf('ima-appraisal');
  const evidence = [
    ...machineEvidence,
    `${image.path}: ${image.kind}`,
    evidenceOf(image.imaMark, describeMark),
  ];
  const trouble = objection(image);
  if (trouble !== undefined) return results.refusal({ ...trouble, evidence, isOverridable: true });
  if (image.imaMark.state === 'unreadable')
    return results.warning({
      title: 'IMA appraises kexec images, and whether this file is signed for it is not known.',
      evidence,
      remedy: 'Look with getfattr -m security.ima -d FILE.',
    });
  return results.pass('IMA appraises kexec images, and this file is signed for it.', evidence);
}

function describeMark(mark: ImaMark): string {
  switch (mark.kind) {
    case 'signature':
      return `a signature by key ${mark.keyId}`;
    case 'digest':
      return 'a digest';
    case 'other':
      return `type 0x${mark.type.toString(16).padStart(2, '0')}`;
    case 'unsupported':
      return 'not supported by the file system';
  }
}

export const imaAppraisal: PreflightCheck = {
  id: 'ima-appraisal',
  subject: 'the appraisal policy of IMA',
  run(input) {
    const { machine, target } = input;
    const results = resultsOf('ima-appraisal');
    const evidence = evidenceFor(machine);
    const isAppraised = appraises(machine);
    if (isAppraised === undefined)
      return results.warning({
        title: 'Whether IMA appraises kexec images is not known.',
        evidence,
        remedy: 'Run khop as root; see dmesg for "ima: impossible to appraise" when loading fails.',
      });
    if (!isAppraised && machine.imaPolicy.state === 'unreadable')
      return results.note({
        title: 'The policy of IMA cannot be read back; the boot policy appraises no kexec images.',
        evidence,
        remedy: 'Nothing to do, unless a policy in /etc/ima says otherwise.',
      });
    if (!isAppraised) return results.pass('IMA does not appraise kexec images.', evidence);
    if (likelyMethod(input) === 'segments')
      return results.refusal({
        title: 'IMA appraises kexec images, which kexec_load cannot give it.',
        evidence,
        remedy: 'Use --method file with a kernel signed for IMA.',
        isOverridable: false,
      });
    if (target?.image.state === 'read') return judgeImage(target.image.value, evidence);
    return results.note({
      title: 'IMA appraises kexec images: only files signed for it can be loaded.',
      evidence,
      remedy: 'Name a kernel to have its signature looked at.',
    });
  },
};

/**
 * Will kexec_file_load accept the image's signature? kernel/kexec_file.c kimage_validate_signature():
 * CONFIG_KEXEC_SIG_FORCE makes every failure final; under lockdown alone, a policy of IMA that appraises
 * kexec images can take the signature's place. Keys are those of the builtin, secondary and platform keyrings.
 * @module
 */
import type { Architecture } from '../../formats/architecture.ts';
import type { MachineFacts } from '../../machine/facts.ts';
import { valueOf } from '../../machine/reading.ts';
import { configAnswer, configEvidence, isLockedDown, likelyMethod } from './conditions.ts';
import type { ImageSigner, KernelView } from './kernel-view.ts';
import type { PreflightCheck } from './preflight-check.ts';
import { evidenceOf, listed, resultsOf } from './result.ts';

const VERIFIER: Record<Architecture, string> = {
  'x86-64': 'KEXEC_BZIMAGE_VERIFY_SIG',
  arm64: 'KEXEC_IMAGE_VERIFY_SIG',
};

/** Why a signature is demanded, empty when none is. */
function demandsOf(machine: MachineFacts): string[] {
  const demands: string[] = [];
  if (isLockedDown(machine)) demands.push(`lockdown=${valueOf(machine.lockdown)}`);
  if (configAnswer(machine.kernelConfig, 'KEXEC_SIG_FORCE') === 'built-in')
    demands.push('CONFIG_KEXEC_SIG_FORCE=y');
  return demands;
}

/** A key's description begins with the common name of its certificate, or has it after an organisation. */
function isTrusted(signer: ImageSigner, descriptions: readonly string[]): boolean {
  return descriptions.some((description) =>
    [signer.subject, signer.issuer].some((name) => name !== '' && description.includes(name)),
  );
}

function describeSigners(signers: readonly ImageSigner[]): string {
  return signers.length === 0
    ? 'unsigned'
    : signers.map((signer) => `signed by ${signer.subject}, issued by ${signer.issuer}`).join('; ');
}

function judge(machine: MachineFacts, image: KernelView, demands: readonly string[]) {
  const results = resultsOf('image-signature');
  const { signers } = image;
  const verifier = VERIFIER[machine.architecture];
  const evidence = [
    evidenceOf(signers, describeSigners),
    evidenceOf(machine.lockdown),
    configEvidence(machine.kernelConfig, ['KEXEC_SIG', 'KEXEC_SIG_FORCE', verifier]),
  ];
  if (demands.length === 0) return judgeUndemanded(machine, evidence);
  const because = demands.join(' and ');
  if (signers.state === 'unreadable')
    return results.warning({
      title: `A signature is demanded (${because}), and the image’s could not be read.`,
      evidence,
      remedy: 'Use a kernel image as the distribution ships it.',
    });
  if (signers.state === 'absent' || signers.value.length === 0)
    return results.refusal({
      title: `A signature is demanded (${because}), and the image has none; loading would end with ENODATA or EPERM.`,
      evidence,
      remedy:
        'Use the distribution’s signed kernel, or sign this one (sbsign) with a key that is enrolled (mokutil --import).',
      isOverridable: false,
    });
  if (configAnswer(machine.kernelConfig, verifier) === 'off')
    return results.refusal({
      title: `A signature is demanded (${because}), and the running kernel cannot check one.`,
      evidence,
      remedy: 'Switch lockdown off, or reboot through the firmware.',
      isOverridable: false,
    });
  return judgeSigners(machine, signers.value, evidence);
}

function judgeUndemanded(machine: MachineFacts, evidence: readonly string[]) {
  const results = resultsOf('image-signature');
  if (machine.kernelConfig.state === 'read')
    return results.pass('The running kernel demands no signature.', evidence);
  return results.note({
    title: 'The running kernel probably demands no signature: it is not known to be locked down.',
    evidence,
    remedy: 'If loading ends with ENODATA or EKEYREJECTED, use a signed kernel; nothing is lost by trying.',
  });
}

function judgeSigners(machine: MachineFacts, signers: readonly ImageSigner[], evidence: readonly string[]) {
  const results = resultsOf('image-signature');
  const { keyDescriptions } = machine;
  const withKeys = [...evidence, evidenceOf(keyDescriptions, (keys) => listed(keys, 6))];
  if (keyDescriptions.state !== 'read')
    return results.warning({
      title: 'The image is signed, but the kernel’s keyrings could not be read.',
      evidence: withKeys,
      remedy: 'Run khop as root, with /proc/keys mounted.',
    });
  const trusted = signers.find((signer) => isTrusted(signer, keyDescriptions.value));
  if (trusted !== undefined)
    return results.pass(`The image is signed by ${trusted.subject}, whose key the kernel holds.`, withKeys);
  const missing = signers.map((signer) => signer.issuer || signer.subject).join(', ');
  return results.refusal({
    title: `The image is signed, but no keyring of the running kernel holds ${missing}; loading would end with ENOKEY or EKEYREJECTED.`,
    evidence: withKeys,
    remedy: `Enrol the certificate of ${missing} with mokutil --import (it appears in the platform keyring), or use a kernel of the running distribution.`,
    isOverridable: true,
  });
}

export const imageSignature: PreflightCheck = {
  id: 'image-signature',
  subject: 'the image’s signature and the keys that the running kernel trusts',
  run(input) {
    if (input.target?.image.state !== 'read' || likelyMethod(input) === 'segments') return [];
    const { machine } = input;
    return judge(machine, input.target.image.value, demandsOf(machine));
  },
};

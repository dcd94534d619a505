/**
 * Disks that need more than a name: sealed to a TPM, or holding a suspended system.
 * @module
 */
import { valueOf } from '../../machine/reading.ts';
import { commandLineValue, hasArgument } from '../command-line.ts';
import { lookUpDevice } from './device-names.ts';
import type { PreflightCheck } from './preflight-check.ts';
import { evidenceOf, listed, resultsOf } from './result.ts';

const TPM_TOKENS = new Set(['systemd-tpm2', 'clevis']);

/** Measurements go on from where they are: kexec does not reset the PCRs that a key may be sealed to. */
export const tpmSealedDisk: PreflightCheck = {
  id: 'tpm-sealed-disk',
  subject: 'disks whose key is sealed to the TPM',
  run({ machine, slot }) {
    if (slot === 'crash') return [];
    const results = resultsOf('tpm-sealed-disk');
    const lines = (valueOf(machine.crypttab) ?? []).filter((line) => /\btpm2-device=/.test(line));
    const tokens = (valueOf(machine.luksTokens) ?? []).filter((token) => TPM_TOKENS.has(token.type));
    const evidence = [
      evidenceOf(machine.crypttab, (all) =>
        lines.length > 0 ? lines.join('; ') : `${all.length} lines, none with tpm2-device=`,
      ),
      evidenceOf(machine.luksTokens, (all) => listed(all.map((token) => `${token.device} ${token.type}`))),
      evidenceOf(machine.hasTpm, (has) => (has ? 'present' : 'none')),
    ];
    if (lines.length > 0 || tokens.length > 0)
      return results.warning({
        title:
          'A disk’s key is sealed to measurements that kexec does not reset: the new kernel may ask for the passphrase.',
        evidence,
        remedy: 'Be at a console with the passphrase, or reboot through the firmware.',
      });
    const isHidden = machine.crypttab.state === 'unreadable' || machine.luksTokens.state === 'unreadable';
    if (isHidden && valueOf(machine.hasTpm) !== false)
      return results.warning({
        title: 'Whether a disk’s key is sealed to the TPM could not be read.',
        evidence,
        remedy: 'Run khop as root.',
      });
    return results.pass('No disk’s key is sealed to the TPM.', evidence);
  },
};

/** A system suspended to disk before this one was started: resuming it would overwrite what this one wrote. */
export const hibernationImage: PreflightCheck = {
  id: 'hibernation-image',
  subject: 'a suspended system on a swap device',
  run({ machine, target, slot }) {
    if (slot === 'crash') return [];
    const results = resultsOf('hibernation-image');
    const images = machine.hibernationImages;
    const resume = target === undefined ? undefined : commandLineValue(target.commandLine, 'resume');
    const evidence = [
      evidenceOf(images, (devices) => listed(devices)),
      ...(target === undefined
        ? []
        : [`new command line: ${resume === undefined ? 'no resume=' : `resume=${resume}`}`]),
    ];
    if (images.state === 'unreadable')
      return results.warning({
        title: 'Whether a system is suspended on a swap device could not be read.',
        evidence,
        remedy: 'Run khop as root.',
      });
    const devices = valueOf(images) ?? [];
    if (devices.length === 0) return results.pass('No system is suspended on a swap device.', evidence);
    if (target !== undefined && hasArgument(target.commandLine, 'noresume'))
      return results.note({
        title: `${listed(devices)} holds a suspended system, which noresume passes over.`,
        evidence,
        remedy: 'Run mkswap on it if it is not wanted any more.',
      });
    return results.refusal({
      title: `${listed(devices)} holds a suspended system: the new kernel could resume it over file systems that have changed since.`,
      evidence,
      remedy: 'Add --append noresume, or discard the image with mkswap.',
      isOverridable: true,
    });
  },
};

export const resumeDevice: PreflightCheck = {
  id: 'resume-device',
  subject: 'the device that resume= names',
  run({ machine, target, slot }) {
    const resume = target === undefined ? undefined : commandLineValue(target.commandLine, 'resume');
    if (resume === undefined || slot === 'crash') return [];
    const results = resultsOf('resume-device');
    const lookup = lookUpDevice(machine, resume);
    const evidence = [`new command line: resume=${resume}`, lookup.evidence];
    if (lookup.state === 'found') return results.pass('The device for resuming exists.', evidence);
    if (lookup.state === 'unknown')
      return results.note({
        title: `Whether resume=${resume} exists could not be verified.`,
        evidence,
        remedy: 'Nothing to do where the running system is started with it.',
      });
    return results.warning({
      title: `resume=${resume} does not exist: the initrd may wait for it for a minute and more.`,
      evidence,
      remedy: 'Remove resume= from the command line, or correct it.',
    });
  },
};

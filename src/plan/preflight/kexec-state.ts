/**
 * What is loaded already, and who would start it.
 * @module
 */
import { valueOf } from '../../machine/reading.ts';
import type { PreflightCheck } from './preflight-check.ts';
import { evidenceOf, resultsOf } from './result.ts';

export const alreadyLoaded: PreflightCheck = {
  id: 'already-loaded',
  subject: 'an image that is loaded already',
  run({ machine, slot }) {
    const results = resultsOf('already-loaded');
    const reading = slot === 'crash' ? machine.kexec.crashLoaded : machine.kexec.loaded;
    const evidence = [evidenceOf(reading, (isLoaded) => (isLoaded ? '1' : '0'))];
    if (reading.state === 'unreadable')
      return results.warning({
        title: 'Whether an image is loaded could not be read.',
        evidence,
        remedy: 'Mount /sys.',
      });
    if (reading.state === 'absent' || !reading.value) return results.pass('No image is loaded.', evidence);
    return results.note({
      title: 'An image is loaded already and will be replaced.',
      evidence,
      remedy: 'See khop status for what it is, khop unload to drop it.',
    });
  },
};

/** systemctl reboot becomes kexec whenever an image is loaded, since 255 without further question. */
export const systemdAutoKexec: PreflightCheck = {
  id: 'systemd-auto-kexec',
  subject: 'whether `reboot` would jump to a loaded image',
  run({ machine, slot }) {
    if (slot === 'crash') return [];
    const results = resultsOf('systemd-auto-kexec');
    const isSystemd = valueOf(machine.serviceManager) === 'systemd';
    const isLoaded = valueOf(machine.kexec.loaded) === true;
    const evidence = [
      evidenceOf(machine.serviceManager),
      evidenceOf(machine.kexec.loaded, (value) => (value ? '1' : '0')),
    ];
    if (isSystemd && machine.kexec.loaded.state === 'unreadable')
      return results.warning({
        title: 'Whether systemctl reboot would jump to a loaded image could not be read.',
        evidence,
        remedy: 'Mount /sys.',
      });
    if (!isSystemd || !isLoaded)
      return results.pass('`reboot` does not jump to a loaded image now.', evidence);
    return results.warning({
      title:
        'An image is loaded, and systemctl reboot jumps to it in place of a reboot through the firmware.',
      evidence,
      remedy: 'Run khop unload, or reboot with SYSTEMCTL_SKIP_AUTO_KEXEC=1.',
    });
  },
};

/**
 * Who resets the machine when the new kernel hangs, and who might when it does not.
 * systemd-system.conf(5), RuntimeWatchdogSec= and KExecWatchdogSec=.
 * @module
 */
import { parseTimeSpan } from '../../formats/time-span.ts';
import type { WatchdogFacts } from '../../machine/facts.ts';
import { valueOf } from '../../machine/reading.ts';
import type { PreflightCheck } from './preflight-check.ts';
import { evidenceOf, resultsOf } from './result.ts';

/** Shorter than this a start of kernel and initrd can take. */
const SHORT_SECONDS = 60;

function describe(watchdog: WatchdogFacts): string {
  const words = [watchdog.identity ?? watchdog.name, watchdog.state ?? 'state unknown'];
  if (watchdog.timeoutSeconds !== undefined) words.push(`${watchdog.timeoutSeconds} s`);
  if (watchdog.nowayout === true) words.push('nowayout');
  return words.join(' ');
}

export const watchdog: PreflightCheck = {
  id: 'watchdog',
  subject: 'hardware watchdogs over the jump',
  run({ machine, slot }) {
    if (slot === 'crash') return [];
    const results = resultsOf('watchdog');
    const settings = machine.systemdSettings;
    const kexecSetting = valueOf(settings)?.get('KExecWatchdogSec');
    const armed = kexecSetting === undefined ? 0 : parseTimeSpan(kexecSetting);
    const evidence = [
      evidenceOf(machine.watchdogs, (all) => (all.length === 0 ? 'none' : all.map(describe).join('; '))),
      evidenceOf(settings, () => `KExecWatchdogSec=${kexecSetting ?? ' is not set'}`),
    ];
    if (machine.watchdogs.state === 'unreadable' || settings.state === 'unreadable')
      return results.warning({
        title: 'Whether a watchdog runs over the jump could not be read.',
        evidence,
        remedy: 'Run khop as root.',
      });
    const all = valueOf(machine.watchdogs) ?? [];
    if (all.length === 0)
      return results.note({
        title: 'There is no hardware watchdog: a hang needs hands.',
        evidence,
        remedy: 'Have a way to reset the machine at hand.',
      });
    const unstoppable = all.filter(
      (each) =>
        each.state === 'active' && each.nowayout !== false && (each.timeoutSeconds ?? 0) < SHORT_SECONDS,
    );
    if (unstoppable.length > 0 || armed === undefined || (armed > 0 && armed < SHORT_SECONDS))
      return results.warning({
        title: 'A watchdog may reset the machine while the new kernel starts.',
        evidence,
        remedy: `Give it at least ${SHORT_SECONDS} s: KExecWatchdogSec=5min in system.conf, and systemctl daemon-reexec.`,
      });
    if (armed > 0) return results.pass(`A watchdog resets the machine ${armed} s after a hang.`, evidence);
    return results.note({
      title: 'There is a watchdog, but it does not run over the jump: a hang needs hands.',
      evidence,
      remedy: 'Set KExecWatchdogSec=5min in system.conf to have it armed.',
    });
  },
};

/**
 * What khop knows of this machine and how it will stop it, and whether a plan came about.
 * @module
 */
import { valueOf } from '../../machine/reading.ts';
import type { PreflightCheck } from './preflight-check.ts';
import { evidenceOf, resultsOf } from './result.ts';

export const switchHistory: PreflightCheck = {
  id: 'switch-history',
  subject: 'earlier switches of this machine',
  run({ machine, successfulSwitches, slot }) {
    if (slot === 'crash') return [];
    const results = resultsOf('switch-history');
    const evidence = [`khop history: ${successfulSwitches} came back`, evidenceOf(machine.dmi.productName)];
    if (successfulSwitches > 0)
      return results.pass('This machine has come back from a switch before.', evidence);
    return results.note({
      title: 'No switch of this machine is on record: firmware and devices may hang where others do not.',
      evidence,
      remedy: 'Have a console and a way to reset at hand for the first one.',
    });
  },
};

export const serviceManager: PreflightCheck = {
  id: 'service-manager',
  subject: 'who stops the services',
  run({ machine, slot }) {
    if (slot === 'crash') return [];
    const results = resultsOf('service-manager');
    const evidence = [evidenceOf(machine.serviceManager)];
    if (machine.serviceManager.state === 'unreadable')
      return results.warning({
        title: 'Who stops the services could not be read.',
        evidence,
        remedy: 'Mount /proc and /run.',
      });
    if (valueOf(machine.serviceManager) === 'systemd')
      return results.pass('systemd stops the services in order (kexec.target).', evidence);
    return results.note({
      title: 'There is no systemd: khop ends all processes itself and mounts the file systems read-only.',
      evidence,
      remedy: 'Stop services that must end in order, such as databases, before the switch.',
    });
  },
};

export const loadPlan: PreflightCheck = {
  id: 'load-plan',
  subject: 'whether khop finds a way to load this kernel',
  run({ target, method, planProblem }) {
    if (target === undefined) return [];
    const results = resultsOf('load-plan');
    const evidence = [`method: ${method}`, `${target.kernel.id}: ${target.kernel.image}`];
    if (planProblem === undefined) return results.pass('There is a way to load this kernel.', evidence);
    return results.refusal({
      title: `No plan to load this kernel: ${planProblem.message}.`,
      evidence: [...evidence, `planner: ${planProblem.message}`],
      remedy: planProblem.hint,
      isOverridable: false,
    });
  },
};

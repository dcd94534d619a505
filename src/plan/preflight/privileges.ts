/**
 * May this process load a kernel and jump at all?
 * @module
 */
import type { PreflightCheck } from './preflight-check.ts';
import { evidenceOf, listed, resultsOf } from './result.ts';

/** Both system calls and reboot(2) ask for CAP_SYS_BOOT, kernel/kexec.c kexec_load_check(). */
export const privileges: PreflightCheck = {
  id: 'privileges',
  subject: 'the capabilities of this process',
  run({ machine }) {
    const results = resultsOf('privileges');
    const { capabilities } = machine;
    const evidence = [evidenceOf(capabilities, (names) => listed(names, 4))];
    const remedy = 'Run khop as root, for example with sudo.';
    if (capabilities.state !== 'read')
      return results.warning({
        title: 'Whether this process may load a kernel is not known.',
        evidence,
        remedy,
      });
    if (capabilities.value.has('sys_boot')) return results.pass('This process has CAP_SYS_BOOT.', evidence);
    return results.refusal({
      title: 'This process lacks CAP_SYS_BOOT and may not load a kernel.',
      evidence,
      remedy,
      isOverridable: false,
    });
  },
};

/** In a PID namespace of its own, reboot(2) stops the container's init and does not jump. */
export const container: PreflightCheck = {
  id: 'container',
  subject: 'whether this is a container',
  run({ machine }) {
    const results = resultsOf('container');
    const evidence = [evidenceOf(machine.container)];
    const remedy = 'Run khop on the host, outside the container.';
    switch (machine.container.state) {
      case 'absent':
        return results.pass('This is not a container.', evidence);
      case 'unreadable':
        return results.warning({ title: 'Whether this is a container is not known.', evidence, remedy });
      case 'read':
        return results.refusal({
          title: `This is a ${machine.container.value} container: the jump belongs to its host.`,
          evidence,
          remedy,
          isOverridable: true,
        });
    }
  },
};

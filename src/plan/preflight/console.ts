/**
 * Will anybody see the new kernel start?
 * @module
 */
import { valueOf } from '../../machine/reading.ts';
import { hasArgument, kernelArguments } from '../command-line.ts';
import { moduleName } from './conditions.ts';
import type { PreflightCheck, PreflightInput } from './preflight-check.ts';
import { evidenceOf, listed, resultsOf } from './result.ts';

/** `ttyS0` of `console=ttyS0,115200`. */
function consolesOf(commandLine: string): string[] {
  return kernelArguments(commandLine).flatMap((argument) =>
    argument.name === 'console' && argument.value !== undefined
      ? [argument.value.split(',')[0] as string]
      : [],
  );
}

export const consoleLost: PreflightCheck = {
  id: 'console-lost',
  subject: 'consoles that the running kernel has by its command line',
  run({ machine, target }) {
    if (target === undefined) return [];
    const results = resultsOf('console-lost');
    const now = consolesOf(target.commandLine);
    const before = machine.commandLine.state === 'read' ? consolesOf(machine.commandLine.value) : [];
    const evidence = [
      evidenceOf(machine.consoles, (names) => listed(names)),
      evidenceOf(machine.commandLine, () => `console= ${listed(before)}`),
      `new command line: console= ${listed(now)}`,
    ];
    if (machine.commandLine.state !== 'read')
      return results.warning({
        title: 'Which consoles the running kernel was given could not be read.',
        evidence,
        remedy: 'Mount /proc.',
      });
    const lost = before.filter((name) => !now.includes(name));
    const remote = lost.filter((name) => !/^tty\d*$/.test(name));
    if (remote.length > 0)
      return results.warning({
        title: `The new command line loses console=${remote.join(' and console=')}: nobody there would see the kernel start.`,
        evidence,
        remedy: `Add --append "${remote.map((name) => `console=${name}`).join(' ')}" with the speed of the running line.`,
      });
    if (lost.length > 0)
      return results.note({
        title: `The new command line lacks console=${lost.join(' and console=')}.`,
        evidence,
        remedy: 'Add it if a person watches the screen.',
      });
    return results.pass('The new kernel has the consoles of the running one.', evidence);
  },
};

/** Framebuffers that firmware set up: the new kernel can go on with them from screen_info. */
const FIRMWARE_FRAMEBUFFER = /^(?:EFI VGA|VESA VGA|VGA16 VGA|simple|OFfb|(?:simple|efi|vesa|of)drm.*)$/i;
const DISPLAY_CLASS = 0x03;

/** Display drivers in use that the target's modules, where they could be listed, do not have. */
function missingDisplayDrivers(input: PreflightInput): string[] {
  const modules =
    input.target?.image.state === 'read' ? valueOf(input.target.image.value.modules) : undefined;
  if (modules === undefined) return [];
  return (valueOf(input.machine.pciDevices) ?? [])
    .filter((device) => device.classCode >> 16 === DISPLAY_CLASS && device.driver !== undefined)
    .map((device) => moduleName(device.driver as string))
    .filter((name) => !modules.has(name));
}

export const framebuffer: PreflightCheck = {
  id: 'framebuffer',
  subject: 'who owns the screen',
  run(input) {
    const { machine, target } = input;
    const results = resultsOf('framebuffer');
    const evidence = [evidenceOf(machine.framebuffers, (names) => listed(names))];
    if (machine.framebuffers.state === 'unreadable')
      return results.warning({
        title: 'Who owns the screen could not be read.',
        evidence,
        remedy: 'Mount /proc; have a serial console or the network at hand.',
      });
    const names = valueOf(machine.framebuffers) ?? [];
    if (names.length === 0) return results.pass('There is no graphical screen to lose.', evidence);
    if (names.every((name) => FIRMWARE_FRAMEBUFFER.test(name)))
      return results.pass('The screen is as firmware set it up, and is handed over.', evidence);
    const missing = missingDisplayDrivers(input);
    const isOff = target !== undefined && hasArgument(target.commandLine, 'nomodeset');
    if (missing.length > 0 || isOff)
      return results.warning({
        title: isOff
          ? 'A display driver owns the screen and nomodeset forbids it in the new kernel: the screen stays dark.'
          : `A display driver owns the screen and the new kernel has no ${listed(missing)}: the screen stays dark.`,
        evidence: [
          ...evidence,
          ...(isOff ? ['new command line: nomodeset'] : []),
          ...missing.map((name) => `new kernel’s modules: no ${name}`),
        ],
        remedy: 'Use a serial console or the network, or a kernel that has the driver.',
      });
    return results.note({
      title:
        'A display driver owns the screen: it stays dark from the jump until the new kernel’s driver starts.',
      evidence,
      remedy: 'Use a serial console to see the first seconds.',
    });
  },
};

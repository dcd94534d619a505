/**
 * Is the file a kernel that this machine can start?
 * @module
 */
import { valueOf } from '../../machine/reading.ts';
import { likelyMethod } from './conditions.ts';
import type { KernelView } from './kernel-view.ts';
import type { PreflightCheck, PreflightInput } from './preflight-check.ts';
import { evidenceOf, resultsOf } from './result.ts';

/** xloadflags, Documentation/arch/x86/boot.rst. */
const XLF_KERNEL_64 = 1 << 0;
const XLF_CAN_BE_LOADED_ABOVE_4G = 1 << 1;
/** Protocol 2.12 is the first with xloadflags; kexec_file_load asks for it too. */
const OLDEST_PROTOCOL = 0x020c;

export const entryProblems: PreflightCheck = {
  id: 'entry-problems',
  subject: 'what the boot entry names',
  run({ target }) {
    if (target === undefined) return [];
    const results = resultsOf('entry-problems');
    const { kernel } = target;
    if (kernel.problems.length === 0)
      return results.pass('Everything that the entry names is there.', [`${kernel.id}: ${kernel.image}`]);
    return results.refusal({
      title: 'The entry cannot be used as it is.',
      evidence: kernel.problems.map((problem) => `${kernel.id}: ${problem}`),
      remedy: 'Mend the entry, or name the files with --initrd and --command-line.',
      isOverridable: true,
    });
  },
};

export const imageReadable: PreflightCheck = {
  id: 'image-readable',
  subject: 'the kernel image',
  run({ target }) {
    if (target === undefined) return [];
    const results = resultsOf('image-readable');
    const evidence = [
      evidenceOf(target.image, (image) => `${image.kind}, ${image.release ?? 'release unknown'}`),
    ];
    if (target.image.state === 'read') return results.pass('The image can be read.', evidence);
    return results.refusal({
      title: 'The image cannot be read as a kernel.',
      evidence,
      remedy: 'Check the path, and reinstall the kernel package if the file is damaged.',
      isOverridable: false,
    });
  },
};

export const imageArchitecture: PreflightCheck = {
  id: 'image-architecture',
  subject: 'the architecture of the image',
  run({ machine, target }) {
    if (target?.image.state !== 'read') return [];
    const results = resultsOf('image-architecture');
    const { architecture, path } = target.image.value;
    const evidence = [`${path}: ${architecture}`, `machine: ${machine.architecture}`];
    if (architecture === machine.architecture)
      return results.pass('The image is for this architecture.', evidence);
    return results.refusal({
      title: `The image is for ${architecture}, this machine is ${machine.architecture}.`,
      evidence,
      remedy: 'Choose a kernel for this architecture.',
      isOverridable: false,
    });
  },
};

/** Why nobody can load this bzImage the way khop would, or undefined. */
function headerObstacle(image: KernelView, input: PreflightInput): string | undefined {
  if (image.arm64Header?.isBigEndian) return 'it is big-endian';
  const header = image.setupHeader;
  if (header === undefined) return undefined;
  if (header.protocol < OLDEST_PROTOCOL)
    return `its boot protocol is 0x${header.protocol.toString(16)}, older than 2.12`;
  if ((header.xloadFlags & XLF_KERNEL_64) === 0) return 'it has no 64-bit entry';
  const isTied = (header.xloadFlags & XLF_CAN_BE_LOADED_ABOVE_4G) === 0;
  return isTied && likelyMethod(input) === 'file'
    ? 'it cannot be loaded above 4 GiB, which kexec_file_load demands'
    : undefined;
}

const WRAPPERS: Partial<Record<KernelView['kind'], string>> = {
  uki: 'a unified kernel image',
  zboot: 'an EFI zboot image',
  compressed: 'a compressed image',
};

function formatEvidence(image: KernelView): string[] {
  const { path, kind, setupHeader } = image;
  if (setupHeader === undefined) return [`${path}: ${kind}`];
  const [protocol, flags] = [setupHeader.protocol.toString(16), setupHeader.xloadFlags.toString(16)];
  return [`${path}: ${kind}`, `${path}: protocol 0x${protocol}, xloadflags 0x${flags}`];
}

export const imageKind: PreflightCheck = {
  id: 'image-kind',
  subject: 'the format of the image',
  run(input) {
    const image = input.target === undefined ? undefined : valueOf(input.target.image);
    if (image === undefined) return [];
    const results = resultsOf('image-kind');
    const header = image.setupHeader;
    const evidence = formatEvidence(image);
    const obstacle = headerObstacle(image, input);
    if (obstacle !== undefined || (image.kind === 'vmlinux' && input.method === 'file'))
      return results.refusal({
        title: `This image cannot be loaded: ${obstacle ?? 'kexec_file_load takes no ELF kernel'}.`,
        evidence,
        remedy: 'Take the kernel’s bzImage or Image, or try --method auto.',
        isOverridable: false,
      });
    if (image.kind === 'vmlinux')
      return results.note({
        title: 'An ELF kernel is loaded by kexec_load: quicker to start, and not possible under lockdown.',
        evidence,
        remedy: 'Nothing to do.',
      });
    if (header !== undefined && !header.isRelocatable)
      return results.warning({
        title: 'The kernel is not relocatable and may not find its place free.',
        evidence,
        remedy: 'Take a kernel with CONFIG_RELOCATABLE.',
      });
    const wrapper = WRAPPERS[image.kind];
    if (wrapper !== undefined)
      return results.note({
        title: `khop unwraps ${wrapper}; a signature on the outside does not count for what is inside.`,
        evidence,
        remedy: 'Nothing to do while image-signature passes.',
      });
    return results.pass('The image has a format that the kernel loads.', evidence);
  },
};

/**
 * The initrd: there, whole, for this kernel, with something to run.
 * @module
 */
import { valueOf } from '../../machine/reading.ts';
import { commandLineValue } from '../command-line.ts';
import { configAnswer, configEvidence } from './conditions.ts';
import { initrdHas, moduleReleasesOf } from './kernel-view.ts';
import type { PreflightCheck, PreflightTarget } from './preflight-check.ts';
import { evidenceOf, listed, resultsOf } from './result.ts';

/** The kernel resolves PARTUUID=, PARTLABEL=, MAJ:MIN and plain device names; the rest is user space's work. */
const NEEDS_USER_SPACE =
  /^(?:UUID=|LABEL=|ID=|live:|zfs[:=]|dhcp|\/dev\/(?:mapper\/|disk\/|md\/|[^/]+\/[^/]+$))/i;

/** What the kernel would do without an initrd, as far as its command line and configuration tell. */
function judgeWithout(target: PreflightTarget) {
  const results = resultsOf('initrd-present');
  const root = commandLineValue(target.commandLine, 'root');
  const image = valueOf(target.image);
  const initramfs = image === undefined ? undefined : valueOf(image.config)?.get('CONFIG_INITRAMFS_SOURCE');
  const evidence = [
    evidenceOf(target.initrd),
    `new command line: root=${root ?? ' is not given'}`,
    ...(image === undefined ? [] : [configEvidence(image.config, ['INITRAMFS_SOURCE', 'BLK_DEV_INITRD'])]),
  ];
  if (initramfs !== undefined && initramfs !== '' && initramfs !== '""')
    return results.pass('The kernel has an initramfs built in.', evidence);
  const remedy =
    'Give the initrd with --initrd, or make one (update-initramfs -c -k RELEASE, dracut, mkinitcpio).';
  if (root === undefined || NEEDS_USER_SPACE.test(root))
    return results.refusal({
      title:
        root === undefined
          ? 'There is neither an initrd nor root=: the kernel would panic with "unable to mount root fs".'
          : `There is no initrd, and a kernel alone cannot find root=${root}.`,
      evidence,
      remedy,
      isOverridable: true,
    });
  return results.note({
    title: 'There is no initrd: the kernel mounts the root file system with the drivers built into it.',
    evidence,
    remedy: 'Nothing to do while root-driver and root-file-system pass.',
  });
}

export const initrdPresent: PreflightCheck = {
  id: 'initrd-present',
  subject: 'whether an initrd is there, or can be done without',
  run({ target }) {
    if (target === undefined) return [];
    if (target.initrd.state === 'absent') return judgeWithout(target);
    const evidence = evidenceOf(target.initrd, (initrd) => `${initrd.paths.size} files`);
    return resultsOf('initrd-present').pass('There is an initrd.', [evidence]);
  },
};

export const initrdReadable: PreflightCheck = {
  id: 'initrd-readable',
  subject: 'whether the initrd can be unpacked',
  run({ target }) {
    if (target === undefined || target.initrd.state === 'absent') return [];
    const results = resultsOf('initrd-readable');
    const evidence = [
      evidenceOf(target.initrd, (initrd) => `${initrd.packedBytes} bytes, ${initrd.paths.size} files`),
    ];
    if (target.initrd.state === 'read') return results.pass('The initrd can be unpacked.', evidence);
    if (target.isInitrdLeftAlone === true)
      return results.warning({
        title: 'The initrd was not looked into, for want of memory.',
        evidence,
        remedy: 'Stop what uses memory, or take it on trust.',
      });
    return results.refusal({
      title: 'The initrd cannot be read or unpacked; the new kernel would not manage either.',
      evidence,
      remedy: 'Make it anew with update-initramfs, dracut or mkinitcpio.',
      isOverridable: true,
    });
  },
};

export const initrdModulesMatch: PreflightCheck = {
  id: 'initrd-modules-match',
  subject: 'whether the modules in the initrd are for this kernel',
  run({ target }) {
    if (target?.initrd.state !== 'read' || target.image.state !== 'read') return [];
    const results = resultsOf('initrd-modules-match');
    const image = target.image.value;
    const releases = moduleReleasesOf(target.initrd.value);
    const evidence = [
      `${image.path}: ${image.release ?? 'release unknown'}`,
      evidenceOf(target.initrd, () => `modules for ${listed(releases)}`),
    ];
    if (releases.size === 0)
      return configAnswer(image.config, 'MODULES') === 'off'
        ? results.pass('The kernel has no modules and needs none in the initrd.', evidence)
        : results.note({
            title: 'The initrd holds no modules: what it needs must be built into the kernel.',
            evidence,
            remedy: 'Nothing to do while root-driver and root-file-system pass.',
          });
    if (image.release === undefined)
      return results.warning({
        title:
          'Whether the initrd’s modules are for this kernel is not known: the image does not say its release.',
        evidence,
        remedy: 'Compare by hand.',
      });
    if (releases.has(image.release))
      return results.pass(`The initrd holds modules for ${image.release}.`, evidence);
    return results.refusal({
      title: `The initrd holds modules for ${listed(releases)}, the kernel is ${image.release} and would load none of them.`,
      evidence,
      remedy: `Make an initrd for it: update-initramfs -c -k ${image.release}, or dracut --kver ${image.release}.`,
      isOverridable: true,
    });
  },
};

/** init/main.c kernel_init_freeable(): without /init (or rdinit=) the initramfs is passed over. */
export const initrdHasInit: PreflightCheck = {
  id: 'initrd-has-init',
  subject: 'whether the initrd has a program to start',
  run({ target }) {
    if (target?.initrd.state !== 'read') return [];
    const results = resultsOf('initrd-has-init');
    const given = commandLineValue(target.commandLine, 'rdinit');
    const init = (given ?? '/init').replace(/^\/+/, '');
    const root = commandLineValue(target.commandLine, 'root');
    const isThere = initrdHas(target.initrd.value, init);
    const { size } = target.initrd.value.paths;
    const evidence = [
      evidenceOf(target.initrd, () => `${size} files, /${init} ${isThere ? 'is there' : 'is not there'}`),
    ];
    if (isThere) return results.pass(`The initrd has /${init}.`, evidence);
    const remedy =
      'Make the initrd anew; one that holds only microcode comes before the real one, not in its place.';
    if (root === undefined || NEEDS_USER_SPACE.test(root))
      return results.refusal({
        title: `The initrd has no /${init}, and the kernel alone cannot find its root.`,
        evidence,
        remedy,
        isOverridable: true,
      });
    return results.warning({
      title: `The initrd has no /${init}: the kernel passes it over and mounts root=${root} itself.`,
      evidence,
      remedy,
    });
  },
};

/** init/initramfs.c unpack_to_rootfs(): an uncompressed archive begins on a multiple of four. */
export const initrdAlignment: PreflightCheck = {
  id: 'initrd-alignment',
  subject: 'whether the kernel finds every archive of the initrd',
  run({ target }) {
    if (target?.initrd.state !== 'read') return [];
    const results = resultsOf('initrd-alignment');
    const offsets = target.initrd.value.misalignedArchives;
    const evidence = [
      evidenceOf(target.initrd, () =>
        offsets.length === 0 ? 'every archive is aligned' : `archives at ${listed(offsets.map(String))}`,
      ),
    ];
    if (offsets.length === 0) return results.pass('The kernel finds every archive of the initrd.', evidence);
    return results.refusal({
      title:
        'The kernel ignores an archive of the initrd: it is uncompressed and does not begin on a multiple of four.',
      evidence,
      remedy: 'Give the parts separately with --initrd, so that khop pads between them.',
      isOverridable: true,
    });
  },
};

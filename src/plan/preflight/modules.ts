/**
 * The new kernel's modules: there, complete for this machine, and allowed to load.
 * @module
 */
import { valueOf } from '../../machine/reading.ts';
import { commandLineValue, hasArgument } from '../command-line.ts';
import { configAnswer, configEvidence, isSecureBootOn, moduleName } from './conditions.ts';
import type { KernelView } from './kernel-view.ts';
import type { PreflightCheck, PreflightInput } from './preflight-check.ts';
import { evidenceOf, listed, resultsOf } from './result.ts';

export const modulesFolder: PreflightCheck = {
  id: 'modules-folder',
  subject: 'the folder of the new kernel’s modules',
  run({ target, slot }) {
    if (target?.image.state !== 'read' || slot === 'crash') return [];
    const results = resultsOf('modules-folder');
    const { modules, config } = target.image.value;
    const evidence = [
      evidenceOf(modules, (names) => `${names.size} modules`),
      configEvidence(config, ['MODULES']),
    ];
    if (modules.state === 'read') return results.pass('The new kernel’s modules are there.', evidence);
    if (configAnswer(config, 'MODULES') === 'off')
      return results.pass('The new kernel has no modules.', evidence);
    return results.warning({
      title:
        modules.state === 'absent'
          ? 'There is no folder with the new kernel’s modules: what is not in the initrd will be missing.'
          : 'The new kernel’s modules could not be listed.',
      evidence,
      remedy: 'Install the kernel’s modules package, or make modules_install.',
    });
  },
};

/** Why each is needed -> its module, for what is in use: interfaces, root, mounted file systems. */
function modulesInUse(input: PreflightInput): ReadonlyMap<string, string> {
  const { machine } = input;
  const loaded = valueOf(machine.loadedModules) ?? new Set<string>();
  const used = new Map<string, string>();
  const add = (name: string | undefined, why: string) => {
    // Only what is a module now: a driver that is built in here can have any module name there.
    if (name !== undefined && loaded.has(moduleName(name))) used.set(moduleName(name), why);
  };
  for (const { name, driver } of valueOf(machine.networkInterfaces) ?? []) add(driver, `drives ${name}`);
  for (const name of valueOf(machine.rootStorage)?.modules ?? []) add(name, 'drives the root’s disk');
  for (const { fileSystem, mountPoint } of valueOf(machine.mounts) ?? [])
    add(fileSystem, `file system of ${mountPoint}`);
  return used;
}

export const driversMissing: PreflightCheck = {
  id: 'drivers-missing',
  subject: 'whether the new kernel has the modules in use',
  run(input) {
    const { machine, target, slot } = input;
    if (target?.image.state !== 'read' || target.image.value.modules.state !== 'read' || slot === 'crash')
      return [];
    const results = resultsOf('drivers-missing');
    const { modules } = target.image.value;
    const evidence = [
      evidenceOf(machine.loadedModules, (names) => `${names.size} modules loaded`),
      evidenceOf(modules, (names) => `${names.size} modules`),
    ];
    if (machine.loadedModules.state !== 'read')
      return results.warning({
        title: 'Which modules are in use could not be read.',
        evidence,
        remedy: 'Mount /proc.',
      });
    const used = modulesInUse(input);
    const grave = [...used].filter(([name]) => !modules.value.has(name));
    if (grave.length > 0)
      return results.warning({
        title: `The new kernel lacks modules in use: ${listed(grave.map(([name]) => name))}.`,
        evidence: [
          ...evidence,
          ...grave.map(([name, why]) => `${machine.loadedModules.source}: ${name}, ${why}`),
        ],
        remedy: 'Build them for the new kernel (dkms autoinstall -k RELEASE), or install its extra modules.',
      });
    const others = [...machine.loadedModules.value].filter((name) => !modules.value.has(moduleName(name)));
    if (others.length > 0)
      return results.note({
        title: `${others.length} loaded modules have no counterpart of that name in the new kernel.`,
        evidence: [...evidence, `no counterpart: ${listed(others, 12)}`],
        remedy: 'Nothing to do where they were renamed or built in.',
      });
    return results.pass('The new kernel has every module that is loaded.', evidence);
  },
};

/** Documentation/admin-guide/tainted-kernels.rst. */
const TAINT_OUT_OF_TREE = 1 << 12;
const TAINT_UNSIGNED = 1 << 13;

/** Why the new kernel will load signed modules only, or undefined. */
function enforcement(image: KernelView, input: PreflightInput): string | undefined {
  const line = input.target?.commandLine ?? '';
  if (configAnswer(image.config, 'MODULE_SIG_FORCE') === 'built-in') return 'CONFIG_MODULE_SIG_FORCE=y';
  if (hasArgument(line, 'module.sig_enforce')) return 'module.sig_enforce on its command line';
  const lockdown = commandLineValue(line, 'lockdown');
  if (lockdown === 'integrity' || lockdown === 'confidentiality')
    return `lockdown=${lockdown} on its command line`;
  // Debian, Fedora and Ubuntu lock down when Secure Boot is on; the symbol is theirs.
  const followsFirmware = configAnswer(image.config, 'LOCK_DOWN_IN_EFI_SECURE_BOOT') === 'built-in';
  return followsFirmware && isSecureBootOn(input.machine) ? 'Secure Boot, which it follows' : undefined;
}

export const moduleSignature: PreflightCheck = {
  id: 'module-signature',
  subject: 'out-of-tree and unsigned modules under the new kernel',
  run(input) {
    const { machine, target, slot } = input;
    if (target?.image.state !== 'read' || slot === 'crash') return [];
    const results = resultsOf('module-signature');
    const image = target.image.value;
    const evidence = [
      evidenceOf(machine.taint),
      configEvidence(image.config, ['MODULE_SIG_FORCE', 'LOCK_DOWN_IN_EFI_SECURE_BOOT']),
    ];
    const remedy =
      'Sign the modules for the new kernel with an enrolled key (mokutil --import), or do without them.';
    if (machine.taint.state !== 'read')
      return results.warning({
        title: 'Whether unsigned modules are in use could not be read.',
        evidence,
        remedy,
      });
    const why = enforcement(image, input);
    if ((machine.taint.value & TAINT_UNSIGNED) !== 0 && why !== undefined)
      return results.warning({
        title: `Unsigned modules are in use, and the new kernel loads none (${why}).`,
        evidence,
        remedy,
      });
    if ((machine.taint.value & (TAINT_UNSIGNED | TAINT_OUT_OF_TREE)) !== 0)
      return results.note({
        title: 'Out-of-tree modules are in use: they must exist for the new kernel too.',
        evidence,
        remedy: 'See drivers-missing.',
      });
    return results.pass('Only modules of the kernel’s own tree are in use.', evidence);
  },
};

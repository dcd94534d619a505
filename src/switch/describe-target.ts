/**
 * What the preflight is told of the kernel that is to be started.
 * @module
 */
import { KhopError } from '../error.ts';
import { joinInitrds } from '../formats/initramfs.ts';
import type { NamedBytes } from '../formats/named-bytes.ts';
import type { Kernel } from '../kernels/kernel.ts';
import type { KernelFiles } from '../kernels/kernel-files.ts';
import { readModuleNames } from '../kernels/module-names.ts';
import { forgetCleanPages } from '../machine/clean-pages.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { type ImaMark, readImaMark } from '../machine/ima-attribute.ts';
import type { Reading } from '../machine/reading.ts';
import { parseCommandLine } from '../plan/command-line.ts';
import { describeInitrds, describeKernel } from '../plan/kernel-facts.ts';
import type { LoadRequest } from '../plan/load-request.ts';
import type { PreflightTarget } from '../plan/preflight/preflight-check.ts';
import { FIRST_ACT_PATH } from '../plan/trial/first-act-order.ts';
import { expectInitrdMemory, lackOfMemory } from '../plan/unpacking-memory.ts';
import { unwrapImage } from '../plan/unwrap-image.ts';

/** Everything that can be read of it; what cannot is unreadable with its reason, never an error. */
export function describeTarget(kernel: Kernel, files: KernelFiles, request: LoadRequest): PreflightTarget {
  const inner = innerParts(request.image);
  const initrd = joinInitrds([...(request.isInitrdWhole === true ? [] : inner.initrds), ...request.initrds]);
  const lack = initrd && lackOfMemoryFor(initrd, request.machine);
  return {
    kernel,
    image: describeKernel(files.image, {
      config: files.config,
      unpacked: request.unpacked?.image,
      modules: moduleNames(kernel),
      release: kernel.release,
      imaMark: imaMark(files.image),
    }),
    initrd:
      initrd === undefined || lack === undefined
        ? describeInitrds(initrd, forgetCleanPages)
        : { state: 'unreadable', source: initrd.name, reason: lack },
    isInitrdLeftAlone: lack !== undefined,
    commandLine: withoutFirstAct(request.commandLine ?? inner.commandLine),
  };
}

function lackOfMemoryFor(initrd: NamedBytes, { memoryAvailableBytes }: MachineFacts): string | undefined {
  return lackOfMemory('looking into it', expectInitrdMemory(initrd).heldBytes, memoryAvailableBytes);
}

/** It starts what the kernel would have started, which is what the initrd has to have. */
function withoutFirstAct(commandLine: string): string {
  const firstAct = `rdinit=${FIRST_ACT_PATH}`;
  return parseCommandLine(commandLine)
    .flatMap(({ text }) => (text === firstAct ? [] : [text]))
    .join(' ');
}

/** What a UKI brings along. An image that cannot be unwrapped brings nothing; its own reading says why. */
function innerParts(image: NamedBytes): { initrds: readonly NamedBytes[]; commandLine: string } {
  try {
    const { initrds, commandLine } = unwrapImage(image);
    return { initrds, commandLine: commandLine ?? '' };
  } catch (error) {
    if (error instanceof KhopError) return { initrds: [], commandLine: '' };
    throw error;
  }
}

/** Bytes that are no file (an image out of a package) are given to the kernel as a copy without attributes. */
function imaMark(image: NamedBytes): Reading<ImaMark> {
  if (image.path === undefined) return { state: 'absent', source: `security.ima of ${image.name}` };
  return readImaMark(image.path);
}

function moduleNames(kernel: Kernel): Reading<ReadonlySet<string>> {
  const source = kernel.modules ?? `/lib/modules/${kernel.release ?? '?'}`;
  if (kernel.modules === undefined) return { state: 'absent', source };
  try {
    const names = readModuleNames(kernel.modules);
    return names === undefined ? { state: 'absent', source } : { state: 'read', value: names, source };
  } catch (error) {
    if (error instanceof KhopError) return { state: 'unreadable', source, reason: error.message };
    throw error;
  }
}

/**
 * The kernel in U-Boot's containers: legacy images and flattened image trees.
 * @module
 */
import { KhopError } from '../error.ts';
import { type Fit, type FitConfiguration, fitImage, parseFit } from '../formats/fit.ts';
import { verifyFitImage } from '../formats/fit-hash.ts';
import type { NamedBytes } from '../formats/named-bytes.ts';
import { parseUimage } from '../formats/uimage.ts';

/** What a container holds of use here; a device tree in it is for the machine it was made for, and is left. */
export interface UbootContents {
  readonly kernel: NamedBytes;
  readonly initrds: readonly NamedBytes[];
}

const KERNEL_TYPES: ReadonlySet<string> = new Set(['kernel', 'kernel_noload', 'multi']);

/** @throws E_FORMAT for a damaged image and for one that holds something else */
export function unwrapUimage(image: NamedBytes): UbootContents {
  const { type, files } = parseUimage(image.bytes);
  const [kernel, initrd] = files;
  if (kernel === undefined || !KERNEL_TYPES.has(type))
    throw noKernel(image, `a U-Boot image of type ${type}`);
  return {
    kernel: named(`the kernel in ${image.name}`, kernel),
    // Images without one have an empty second part (mkimage -d kernel::dtb).
    initrds:
      initrd === undefined || initrd.length === 0 ? [] : [named(`the ramdisk in ${image.name}`, initrd)],
  };
}

/** The default configuration, else the only one; hashes are compared. @throws E_FORMAT, E_UNSUPPORTED */
export function unwrapFit(image: NamedBytes): UbootContents {
  const fit = parseFit(image.bytes);
  const configuration = chooseConfiguration(fit);
  const kernelName = configuration?.kernel ?? fit.images.find((each) => each.type === 'kernel')?.name;
  if (kernelName === undefined) throw noKernel(image, 'a FIT without a kernel');
  const take = (name: string): NamedBytes => {
    const part = fitImage(fit, name);
    verifyFitImage(part);
    return named(`${name} of ${image.name}`, part.bytes);
  };
  return {
    kernel: take(kernelName),
    initrds: configuration?.ramdisk === undefined ? [] : [take(configuration.ramdisk)],
  };
}

function chooseConfiguration(fit: Fit): FitConfiguration | undefined {
  const { configurations, defaultConfiguration } = fit;
  return configurations.find(({ name }) => name === defaultConfiguration) ?? configurations[0];
}

function named(name: string, bytes: Uint8Array): NamedBytes {
  return { name, path: undefined, bytes };
}

function noKernel(image: NamedBytes, what: string): KhopError {
  return new KhopError('E_FORMAT', `${image.name} is ${what}`, {
    hint: 'Name a file with a kernel in it.',
  });
}

/**
 * What of a boot loader only the administrator knows.
 * @module
 */
import type { BootLoaderOptions } from '../plan/boot-loader/change-boot-loader.ts';
import type { Configuration } from './configuration.ts';

/** Of khop.conf. */
export function bootLoaderOptions({
  configuration: { uBootVariable },
}: {
  readonly configuration: Configuration;
}): BootLoaderOptions {
  return { uBootVariable: uBootVariable === '' ? undefined : uBootVariable };
}

/**
 * What khop finds of a boot loader in a tree.
 * @module
 */
import {
  type BootLoaderRequest,
  type BootLoaderState,
  readBootLoaderState,
} from '../../src/kernels/boot-loader-state.ts';

/** Of a system that says nothing of how it was started, unless told. */
export function stateOf(root: string, request: Partial<BootLoaderRequest> = {}): BootLoaderState {
  return readBootLoaderState({
    root,
    fileSystems: [],
    runningCommandLine: undefined,
    loaderInfo: undefined,
    loaderEntryDefault: undefined,
    loaderEntryOneShot: undefined,
    uBootVariables: undefined,
    ...request,
  });
}

/**
 * What the executable is made from besides khop's own sources: Node.js and koffi's native module.
 * @module
 */
import { join } from 'node:path';
import type { Architecture } from '../../src/formats/architecture.ts';
import { koffiPackage, nodePackage } from '../../src/lab/npm-package.ts';

/** Node's names of the architectures khop is packaged for. */
export type TargetArch = 'x64' | 'arm64';

/** Files of one architecture. */
export interface Runtime {
  readonly arch: TargetArch;
  /** Node.js, not stripped. */
  readonly node: string;
  readonly nodeLicence: string;
  readonly koffi: string;
}

const ARCHITECTURES: Readonly<Record<TargetArch, Architecture>> = { x64: 'x86-64', arm64: 'arm64' };

/** Fetches what is not installed. */
export async function readRuntime(arch: TargetArch): Promise<Runtime> {
  const node = await nodePackage(ARCHITECTURES[arch]);
  const { folder: koffi } = await koffiPackage(ARCHITECTURES[arch]);
  return {
    arch,
    node: join(node, 'bin/node'),
    nodeLicence: join(node, 'LICENSE'),
    koffi: join(koffi, `linux_${arch}/koffi.node`),
  };
}

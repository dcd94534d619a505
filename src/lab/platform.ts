/**
 * What QEMU, Debian and the kernel call the parts of a lab machine, by its architecture.
 * @module
 */
import type { Architecture } from '../formats/architecture.ts';
import type { DebianArchitecture } from './debian-suite.ts';

/** Names, for one architecture. */
export interface Platform {
  /** The program of QEMU, and Debian's package of it. */
  readonly qemu: string;
  readonly qemuPackage: string;
  /** `-machine`. */
  readonly machine: string;
  /** The serial port, as `console=` names it. */
  readonly console: string;
  readonly debian: DebianArchitecture;
  /** Of the folders of libraries. */
  readonly triplet: string;
  /** The loader of programs with libraries, as they name it, without the first slash. */
  readonly loader: string;
  /** Node.js's name, in names of npm packages. */
  readonly node: 'x64' | 'arm64';
}

/** The machines that the lab has. */
export const PLATFORMS: Readonly<Record<Architecture, Platform>> = {
  'x86-64': {
    qemu: 'qemu-system-x86_64',
    qemuPackage: 'qemu-system-x86',
    machine: 'q35',
    console: 'ttyS0',
    debian: 'amd64',
    triplet: 'x86_64-linux-gnu',
    loader: 'lib64/ld-linux-x86-64.so.2',
    node: 'x64',
  },
  arm64: {
    qemu: 'qemu-system-aarch64',
    qemuPackage: 'qemu-system-arm',
    machine: 'virt,gic-version=2',
    console: 'ttyAMA0',
    debian: 'arm64',
    triplet: 'aarch64-linux-gnu',
    loader: 'lib/ld-linux-aarch64.so.1',
    node: 'arm64',
  },
};

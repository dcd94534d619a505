/**
 * How much memory a panic kernel needs that goes on into normal user space: what a capture needs, and what the
 * programs of this system use.
 * @module
 */
import { type CaptureMemoryNeed, type CaptureMemoryRequest, captureMemoryNeed } from './capture-memory.ts';

const MIB = 1024 * 1024;
/**
 * What the parameters of a capture save and a serving kernel spends: events of tracefs (8 MiB on 6.1), inodes and
 * dentries of /sys and /proc, security modules, slabs of drivers and file systems.
 */
const SUBSYSTEMS_BYTES = 24 * MIB;
/** systemd, udev, a journal, ssh and khop's own run after the start, on a system that reports next to nothing. */
export const LEAST_USER_BYTES = 192 * MIB;
/** Of what is used, so much again for pages of programs and files that count as available. */
const CACHE_SHARE = 0.25;

/** All sizes are bytes. */
export interface ContinueMemoryRequest
  extends Pick<CaptureMemoryRequest, 'release' | 'kernelBytes' | 'placedBytes' | 'keptBytes' | 'cpus'> {
  /** The initramfs as it is loaded, and unpacked: both are given back before services start. */
  readonly packedBytes: number;
  readonly unpackedBytes: number;
  /** What the running system uses now: MemTotal - MemAvailable. */
  readonly usedBytes: number;
}

/** The need, and what of it is for programs. */
export interface ContinueMemoryNeed extends CaptureMemoryNeed {
  readonly userBytes: number;
}

/** The reservation in which this system can go on. */
export function continueMemoryNeed({ usedBytes, ...request }: ContinueMemoryRequest): ContinueMemoryNeed {
  const wanted = Math.ceil((usedBytes * (1 + CACHE_SHARE)) / MIB) * MIB;
  const userBytes = Math.max(LEAST_USER_BYTES, wanted);
  const returned = request.packedBytes + request.unpackedBytes;
  const need = captureMemoryNeed({
    ...request,
    userBytes: Math.max(0, userBytes - returned),
    userWhat:
      wanted < LEAST_USER_BYTES
        ? 'user space at the least, besides what the initramfs gives back'
        : 'what is used now and a quarter, besides what the initramfs gives back',
    subsystemsBytes: SUBSYSTEMS_BYTES,
  });
  return { ...need, userBytes };
}

/**
 * kexec_load in static programs. include/uapi/linux/kexec.h.
 * @module
 */
import { perArchitecture } from '../terms.ts';

/** The flags' part that names the architecture: KEXEC_ARCH_X86_64, KEXEC_ARCH_AARCH64. */
export const KEXEC_ARCH = perArchitecture({ 'x86-64': 62 << 16, arm64: 183 << 16 });

/**
 * Every check, in the order in which a person reads them: may I, is it whole, will it start, what is lost.
 * @module
 */
import { arm64Lpa2, arm64PageSize, gicLpiTables, raspberryPi, spinTableCpus } from './arm64.ts';
import { commandLineLength, commandLineLost, commandLineStale } from './command-line-content.ts';
import { consoleLost, framebuffer } from './console.ts';
import { crashImage, crashkernelLost, crashReservation, panicKernelMemory } from './crash-kernel.ts';
import { gpuDrivers, networkDrivers, storageDrivers } from './device-drivers.ts';
import { deviceShutdown } from './device-shutdown.ts';
import { hibernationImage, resumeDevice, tpmSealedDisk } from './disks.ts';
import { iommuDma } from './dma.ts';
import { loadPlan, serviceManager, switchHistory } from './experience.ts';
import { deviceTreeHandover, efiHandover, fiveLevelPaging, rsdpHandover } from './firmware-handover.ts';
import { imaAppraisal } from './ima-appraisal.ts';
import { entryProblems, imageArchitecture, imageKind, imageReadable } from './image.ts';
import { imageSignature } from './image-signature.ts';
import {
  initrdAlignment,
  initrdHasInit,
  initrdModulesMatch,
  initrdPresent,
  initrdReadable,
} from './initrd.ts';
import { kexecSyscalls, loadDisabled, loadLimit } from './kexec-gates.ts';
import { alreadyLoaded, systemdAutoKexec } from './kexec-state.ts';
import { knownBadKernel } from './known-kernels.ts';
import { availableMemory, halfOfRam, initramfsSpace, memoryMap } from './memory.ts';
import { driversMissing, moduleSignature, modulesFolder } from './modules.ts';
import type { PreflightCheck } from './preflight-check.ts';
import { container, privileges } from './privileges.ts';
import { remoteRoot, rootDevice } from './root-device.ts';
import { rootDriver, rootFileSystem } from './root-drivers.ts';
import { lockdown, secureBoot } from './trust.ts';
import { confidentialGuest, hypervisor, snpHost } from './virtualization.ts';
import { watchdog } from './watchdog.ts';

export const PREFLIGHT_CHECKS: readonly PreflightCheck[] = [
  privileges,
  container,
  kexecSyscalls,
  loadDisabled,
  loadLimit,
  lockdown,
  secureBoot,
  imageSignature,
  imaAppraisal,
  entryProblems,
  imageReadable,
  imageArchitecture,
  imageKind,
  loadPlan,
  halfOfRam,
  availableMemory,
  initramfsSpace,
  memoryMap,
  panicKernelMemory,
  crashReservation,
  initrdPresent,
  initrdReadable,
  initrdModulesMatch,
  initrdHasInit,
  initrdAlignment,
  modulesFolder,
  driversMissing,
  moduleSignature,
  rootDevice,
  rootFileSystem,
  rootDriver,
  remoteRoot,
  commandLineLength,
  commandLineLost,
  commandLineStale,
  fiveLevelPaging,
  rsdpHandover,
  efiHandover,
  deviceTreeHandover,
  spinTableCpus,
  arm64PageSize,
  gicLpiTables,
  arm64Lpa2,
  raspberryPi,
  hypervisor,
  confidentialGuest,
  snpHost,
  knownBadKernel,
  consoleLost,
  framebuffer,
  gpuDrivers,
  networkDrivers,
  storageDrivers,
  deviceShutdown,
  iommuDma,
  tpmSealedDisk,
  hibernationImage,
  resumeDevice,
  watchdog,
  crashkernelLost,
  crashImage,
  alreadyLoaded,
  systemdAutoKexec,
  serviceManager,
  switchHistory,
];

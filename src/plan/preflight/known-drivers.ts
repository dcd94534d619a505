/**
 * Drivers whose hardware does not always survive a start without reset, and how that shows. A driver is
 * listed only for a failure that was reported, or that its own source provides for; which is named.
 * @module
 */
import type { Severity } from '../finding.ts';

/** What is known of one driver. */
export interface KnownDriver {
  readonly severity: Extract<Severity, 'note' | 'warning'>;
  readonly trouble: string;
  readonly remedy: string;
}

const SCREEN =
  'Have a serial console or the network at hand; reboot through the firmware if the screen stays dark.';

/** Display: module or driver name -> trouble. */
export const DISPLAY_DRIVERS: Readonly<Record<string, KnownDriver>> = {
  nvidia: {
    severity: 'warning',
    trouble:
      'its shutdown can hang (open-gpu-kernel-modules#1027), and the GPU can stay dark under the next kernel (zfsbootmenu#141)',
    remedy:
      'Stop the display manager and nvidia-persistenced, then modprobe -r nvidia_drm nvidia_modeset nvidia_uvm nvidia.',
  },
  nouveau: {
    severity: 'warning',
    trouble: 'the GPU can stay dark under the next kernel (zfsbootmenu#141)',
    remedy: SCREEN,
  },
  amdgpu: {
    severity: 'warning',
    trouble: 'the GPU’s own processors keep running over the jump, and starting them anew can fail',
    remedy: 'Stop the display manager and modprobe -r amdgpu, or try once with a console at hand.',
  },
  i915: {
    severity: 'note',
    trouble: 'on Meteor Lake the driver does not start after kexec (onedr0p/home-ops#8568)',
    remedy: SCREEN,
  },
};

const NETWORK =
  'Have another way in for the first switch; if the interface stays down, unbind the driver before the jump or reset the function through sysfs.';

/** Network: driver name -> trouble. */
export const NETWORK_DRIVERS: Readonly<Record<string, KnownDriver>> = {
  mlx5_core: {
    severity: 'note',
    trouble: 'adapters with old firmware did not come back after kexec (op-build#538, mended by #781)',
    remedy: `Update the adapter’s firmware. ${NETWORK}`,
  },
  mlx4_core: {
    severity: 'warning',
    trouble: 'the adapter can read as zeros after kexec, also when the driver was unloaded (ipxe#916)',
    remedy: NETWORK,
  },
  bnx2x: {
    severity: 'note',
    trouble: 'its driver has to undo in firmware what the old one left (bnx2x_prev_unload), which can fail',
    remedy: NETWORK,
  },
};

const STORAGE = 'Allow for it in timeouts, and keep the way back through the firmware open.';

/** Storage: driver name -> trouble. */
export const STORAGE_DRIVERS: Readonly<Record<string, KnownDriver>> = {
  hpsa: {
    severity: 'note',
    trouble:
      'some Smart Array controllers cannot be reset by the driver, which keeps a list of them (hpsa.c)',
    remedy: STORAGE,
  },
  megaraid_sas: {
    severity: 'note',
    trouble: 'the controller’s firmware can take most of a minute to be ready (heads#253)',
    remedy: STORAGE,
  },
};

/** Driver name -> what it does between the last process and the jump, and where its source says so. */
export const SHUTDOWN_DRIVERS: Readonly<Record<string, string>> = {
  nvme: 'waits until the drive has written its cache and says so (nvme_shutdown); four drives are 0.15 thousand million instructions even in QEMU',
  megaraid_sas: 'waits for the controller and has it write its cache to the disks (megasas_shutdown)',
  mpt3sas: 'waits up to 10 s for the controller’s RAID volumes (scsih_shutdown)',
  hpsa: 'has the controller write its cache to the disks (hpsa_flush_cache)',
  smartpqi: 'has the controller write its cache to the disks (pqi_shutdown)',
  aacraid: 'waits for the controller to close its containers (aac_shutdown)',
  mlx5_core:
    'has the firmware let go of everything at once where it can (mlx5_try_fast_unload), else one after the other',
  i40e: 'closes its clients and frees its interrupts (i40e_shutdown)',
  ice: 'is removed as if it were unloaded (ice_shutdown)',
};

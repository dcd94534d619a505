/**
 * Drivers whose hardware does not always survive a start without reset, and how that shows. A driver is
 * listed only for a known failure; the source is named.
 * @module
 */
import type { Severity } from '../finding.ts';

/** What is known of one driver. */
export interface KnownDriver {
  readonly severity: Exclude<Severity, 'pass' | 'refusal'>;
  readonly trouble: string;
  readonly remedy: string;
}

const SCREEN =
  'Have a serial console or the network at hand; reboot through the firmware if the screen stays dark.';

/** Display: module or driver name -> trouble. */
export const DISPLAY_DRIVERS: Record<string, KnownDriver> = {
  nvidia: {
    severity: 'warning',
    trouble:
      'its shutdown can hang, and the next driver can find the GPU in a state it cannot start (open-gpu-kernel-modules#1027)',
    remedy:
      'Stop the display manager and nvidia-persistenced, then modprobe -r nvidia_drm nvidia_modeset nvidia_uvm nvidia.',
  },
  amdgpu: {
    severity: 'warning',
    trouble: 'the GPU’s own processors keep running, and a warm start of them can fail (zfsbootmenu#141)',
    remedy: 'Stop the display manager and modprobe -r amdgpu, or try once with a console at hand.',
  },
  radeon: { severity: 'warning', trouble: 'a warm start of the GPU can fail', remedy: SCREEN },
  nouveau: { severity: 'warning', trouble: 'a warm start of the GPU can fail', remedy: SCREEN },
  i915: {
    severity: 'note',
    trouble: 'on some generations (Meteor Lake) the screen stays dark after a warm start (home-ops#8568)',
    remedy: SCREEN,
  },
  xe: { severity: 'note', trouble: 'little is known of warm starts of this GPU', remedy: SCREEN },
};

const NETWORK =
  'Have another way in for the first switch; if the interface stays down, unbind the driver before the jump or reset the function through sysfs.';

/** Network: driver name -> trouble. */
export const NETWORK_DRIVERS: Record<string, KnownDriver> = {
  bnx2x: {
    severity: 'warning',
    trouble: 'its firmware keeps the state of the old driver and can refuse the new one',
    remedy: NETWORK,
  },
  mlx4_core: {
    severity: 'warning',
    trouble: 'its firmware can keep resources of the old driver and time out',
    remedy: NETWORK,
  },
  mlx5_core: {
    severity: 'note',
    trouble: 'its firmware restarts slowly, so the link comes up late',
    remedy: NETWORK,
  },
  qede: {
    severity: 'warning',
    trouble: 'its management firmware can keep the old driver’s state',
    remedy: NETWORK,
  },
  be2net: {
    severity: 'warning',
    trouble: 'a function that was not reset can fail its start',
    remedy: NETWORK,
  },
  cxgb4: { severity: 'note', trouble: 'its firmware restarts slowly', remedy: NETWORK },
  tg3: {
    severity: 'note',
    trouble: 'the management processor shares the port, and the link can come up late',
    remedy: NETWORK,
  },
  r8169: {
    severity: 'note',
    trouble: 'some boards lose the link until the next power cycle when wake-on-LAN is armed',
    remedy: NETWORK,
  },
  iwlwifi: { severity: 'note', trouble: 'its firmware can need a second start', remedy: NETWORK },
};

const STORAGE = 'Try once with a console at hand, and keep the way back through the firmware open.';

/** Storage: driver name -> trouble. */
export const STORAGE_DRIVERS: Record<string, KnownDriver> = {
  hpsa: {
    severity: 'warning',
    trouble: 'controllers with old firmware do not come out of a soft reset',
    remedy: STORAGE,
  },
  aacraid: {
    severity: 'warning',
    trouble: 'the controller can need minutes to answer after a warm start',
    remedy: STORAGE,
  },
  megaraid_sas: {
    severity: 'note',
    trouble: 'the controller resets its firmware at start, which takes up to a minute',
    remedy: STORAGE,
  },
  mpt3sas: {
    severity: 'note',
    trouble: 'the controller resets its firmware at start, which takes a while',
    remedy: STORAGE,
  },
};

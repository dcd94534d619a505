/**
 * Devices that write to memory on their own.
 * @module
 */
import { valueOf } from '../../machine/reading.ts';
import { logLines } from './conditions.ts';
import type { PreflightCheck } from './preflight-check.ts';
import { evidenceOf, listed, resultsOf } from './result.ts';

/** Intel, AMD and Arm say it each in its way. */
const DMA_FAULT =
  /DMAR: \[DMA (?:Read|Write)|DMAR: DRHD: handling fault|IO_PAGE_FAULT|arm-smmu.*(?:Unhandled context fault|event 0x10 received)/;

export const iommuDma: PreflightCheck = {
  id: 'iommu-dma',
  subject: 'faults of the IOMMU, and devices given to guests',
  run({ machine }) {
    const results = resultsOf('iommu-dma');
    const faults = logLines(machine, DMA_FAULT);
    const given = (valueOf(machine.pciDevices) ?? []).filter((device) => device.driver === 'vfio-pci');
    const evidence = [
      evidenceOf(machine.kernelLog, () =>
        faults.length === 0 ? 'no fault of the IOMMU' : faults.join('; '),
      ),
      evidenceOf(machine.pciDevices, () => `vfio-pci: ${listed(given.map((device) => device.address))}`),
    ];
    if (given.length > 0)
      return results.warning({
        title: 'Devices are given to guests (vfio-pci) and go on writing to their memory until reset.',
        evidence,
        remedy: 'Stop the guests first.',
      });
    if (faults.length > 0)
      return results.warning({
        title: 'The IOMMU reports faults now: a device writes where it must not, also during the jump.',
        evidence,
        remedy:
          'Find the device in dmesg and unbind its driver before the switch, or reboot through the firmware.',
      });
    if (machine.kernelLog.state !== 'read' || machine.pciDevices.state === 'unreadable')
      return results.warning({
        title: 'Whether devices write to memory on their own could not be read.',
        evidence,
        remedy: 'Run khop as root.',
      });
    return results.pass('No device is seen writing where it must not.', evidence);
  },
};

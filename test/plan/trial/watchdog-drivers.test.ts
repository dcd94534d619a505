import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planWatchdog } from '../../../src/plan/trial/plan-watchdog.ts';
import { findWatchdogDriver, WATCHDOG_DRIVERS } from '../../../src/plan/trial/watchdog-drivers.ts';
import { healthyMachine, read, restingWatchdog } from '../../support/machine-facts.ts';

/** For each row: how it looks in sysfs (driver, identity), and whether it counts over 10 s of jump as it is, and kept. */
const SEEN: Readonly<Record<string, readonly [string | undefined, string, boolean, boolean]>> = {
  i6300esb: ['i6300ESB timer', 'i6300ESB timer', true, true],
  iTCO_wdt: ['iTCO_wdt', 'iTCO_wdt', false, true],
  sp5100_tco: ['sp5100-tco', 'SP5100 TCO timer', false, true],
  wdat_wdt: ['wdat_wdt', 'wdat_wdt', false, false],
  sbsa_gwdt: ['sbsa-gwdt', 'SBSA Generic Watchdog', false, false],
  dw_wdt: ['dw_wdt', 'Synopsys DesignWare Watchdog', false, false],
  sp805_wdt: ['sp805-wdt', 'sp805-wdt', false, false],
  bcm2835_wdt: ['bcm2835-wdt', 'Broadcom BCM2835 Watchdog timer', false, true],
  it87_wdt: [undefined, 'IT87 WDT', false, true],
  imx2_wdt: ['imx2-wdt', 'imx2+ watchdog', true, true],
  hpwdt: ['hpwdt', 'HPE iLO2+ HW Watchdog Timer', true, true],
  ipmi_watchdog: [undefined, 'IPMI', true, true],
  ib700wdt: [undefined, 'IB700 WDT', false, false],
  xen_wdt: ['xen_wdt', 'xen_wdt', false, false],
};

for (const row of WATCHDOG_DRIVERS.filter(({ isSoftware }) => !isSoftware))
  test(`${row.module} is known by what sysfs says of it, built in or not, and is judged by its row`, () => {
    const [driver, identity, asItIs, kept] = SEEN[row.module]!;
    assert.equal(findWatchdogDriver({ module: row.module, driver: undefined, identity: undefined }), row);
    assert.equal(findWatchdogDriver({ module: undefined, driver, identity }), row);
    for (const [isKeptOnReboot, isOverJump] of [
      [false, asItIs],
      [true, kept],
    ]) {
      const facts = { module: row.module, driver, identity, mostSeconds: undefined, isKeptOnReboot };
      const machine = healthyMachine({ watchdogs: read([restingWatchdog(facts)]) });
      const plan = planWatchdog(machine, { deadlineSeconds: 60, jumpSeconds: 10 });
      assert.ok(plan.state === 'planned');
      assert.equal(plan.driver, row.module);
      assert.equal(plan.isOverJump, isOverJump);
      assert.equal(plan.isNowayout, row.countsOn === 'when-locked' && !isKeptOnReboot);
      const seconds = String(Math.min(30, row.mostSeconds ?? 30));
      const parameter = row.secondsParameter;
      assert.equal(plan.moduleParameters[parameter ?? ''], parameter === null ? undefined : seconds);
      const isPetted = row.atProbe === 'petted-by-kernel' && isOverJump;
      assert.equal(plan.kernelArguments.includes('watchdog.open_timeout=60'), isPetted);
    }
  });

test('no two rows claim the same device', () => {
  const claims = WATCHDOG_DRIVERS.flatMap(({ module, identities, pciIds }) => [
    ...new Set([module, ...identities, ...(pciIds ?? [])]),
  ]);
  assert.equal(new Set(claims).size, claims.length);
});

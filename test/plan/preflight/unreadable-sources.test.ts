import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { MachineFacts } from '../../../src/machine/facts.ts';
import { runPreflight, verdictOf } from '../../../src/plan/preflight/check.ts';
import { inputs } from '../../support/inputs.ts';
import {
  absent,
  healthyArm64Machine,
  healthyEfi,
  healthyMachine,
  read,
  unreadable,
} from '../../support/machine-facts.ts';
import { healthyArm64Image, healthyInput, healthyTarget } from '../../support/preflight-input.ts';

type Facts = { readonly [key: string]: unknown };

function isReading(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'state' in value && 'source' in value;
}

/** Paths of all readings: `lockdown`, `kexec.loaded`, `efi.value.secureBoot`. */
function readingPaths(facts: Facts, prefix = ''): string[] {
  return Object.entries(facts).flatMap(([key, value]) => {
    const path = `${prefix}${key}`;
    if (isReading(value)) {
      const inner = (value as { value?: unknown }).value;
      const isGroup = key === 'efi' && typeof inner === 'object' && inner !== null;
      return [path, ...(isGroup ? readingPaths(inner as Facts, `${path}.value.`) : [])];
    }
    const isGroup = key === 'kexec' || key === 'cpu' || key === 'dmi';
    return isGroup ? readingPaths(value as Facts, `${path}.`) : [];
  });
}

/** The machine with the reading at `path` replaced; paths below one that is gone change nothing. */
function replaced(facts: Facts, path: readonly string[], reading: unknown): Facts {
  const [first, ...rest] = path;
  if (first === undefined || facts[first] === undefined) return facts;
  const value = rest.length === 0 ? reading : replaced(facts[first] as Facts, rest, reading);
  return { ...facts, [first]: value };
}

function withReading(machine: MachineFacts, path: string, reading: unknown): MachineFacts {
  return replaced(machine as unknown as Facts, path.split('.'), reading) as unknown as MachineFacts;
}

/** With a TPM, so that it matters what is sealed to it. */
const UEFI_MACHINE = healthyMachine({
  efi: read(healthyEfi(), '/sys/firmware/efi'),
  hasTpm: read(true, '/sys/class/tpm'),
});

const MACHINES = {
  'x86-64 with UEFI': healthyInput({
    machine: UEFI_MACHINE,
  }),
  'x86-64 with UEFI, by segments': healthyInput({
    machine: UEFI_MACHINE,
    method: 'segments',
  }),
  'arm64 without UEFI': healthyInput({
    machine: healthyArm64Machine(),
    target: healthyTarget({ image: read(healthyArm64Image()) }),
  }),
};

/** Nothing is decided by these alone: they are names for people, or another source says the same. */
const DECIDES_NOTHING = new Set([
  'bootId',
  'version',
  'uptimeMs',
  'operatingSystem',
  'firmwareMap',
  'moduleReleases',
  'consoles',
  'dmi.systemVendor',
  'dmi.productName',
  'dmi.boardName',
  'dmi.biosVersion',
  'cpu.bootProcessor',
  'cpu.online',
  'cpu.flags',
  'cpu.vendor',
  'hasTpm',
  'kexec.crashElfcorehdrSize',
  'kexec.loadLimitPanic',
  'efi.value.runtime',
  'efi.value.platformSize',
  // Only where the hypervisor is Xen.
  'xenGuestType',
  // The boot policy decides in its place, and is a note on every kernel without CONFIG_IMA_READ_POLICY.
  'imaPolicy',
  // Only where a signature is demanded.
  'keyDescriptions',
  // crashkernel= on the running command line says the same.
  'kexec.crashSize',
]);

/** Sources that matter only to one kind of machine, or only to one method. */
const DECIDES_SOMEWHERE_ELSE: Record<string, readonly string[]> = {
  'x86-64 with UEFI': [
    'iomem',
    'bootParams',
    'deviceTree',
    'pageSize',
    'cpu.fiveLevelPaging',
    'cpu.possible',
    'cpu.enableMethods',
    'kexec.kexecLoad',
    'diskNames',
    'blockDevices',
  ],
  'x86-64 with UEFI, by segments': [
    'bootParams',
    'deviceTree',
    'pageSize',
    'cpu.fiveLevelPaging',
    'cpu.possible',
    'cpu.enableMethods',
    'kexec.kexecFileLoad',
    'diskNames',
    'blockDevices',
  ],
  'arm64 without UEFI': [
    'bootParams',
    'cpu.fiveLevelPaging',
    'pageSize',
    'crypttab',
    'luksTokens',
    'diskNames',
    'blockDevices',
  ],
};

describe('a source that cannot be read', () => {
  for (const [name, input] of Object.entries(MACHINES))
    test(`counts as unsafe wherever something is decided by it: ${name}`, () => {
      const silent = readingPaths(input.machine as unknown as Facts).filter((path) => {
        const machine = withReading(input.machine, path, unreadable(`the source of ${path}`));
        return verdictOf(runPreflight({ ...input, machine })) === 'go';
      });
      const paths = readingPaths(input.machine as unknown as Facts);
      const allowed = paths.filter(
        (path) => DECIDES_NOTHING.has(path) || DECIDES_SOMEWHERE_ELSE[name]?.includes(path),
      );
      assert.deepEqual(silent, allowed);
    });

  for (const [name, input] of Object.entries(MACHINES))
    test(`is named by the evidence of what it makes unsafe: ${name}`, () => {
      for (const path of readingPaths(input.machine as unknown as Facts)) {
        const source = `the source of ${path}`;
        const machine = withReading(input.machine, path, unreadable(source));
        const loud = runPreflight({ ...input, machine }).filter(
          ({ severity }) => severity === 'warning' || severity === 'refusal',
        );
        for (const finding of loud)
          assert.ok(
            finding.evidence.some((line) => line.startsWith(source)),
            `${finding.id} without ${path}: ${finding.evidence.join(' | ')}`,
          );
      }
    });
});

describe('a preflight of any machine', () => {
  const outcome = fc.constantFrom('as it is', 'absent', 'unreadable');

  for (const [name, input] of Object.entries(MACHINES))
    test(`ends with evidence for everything it says, whatever is missing: ${name}`, () => {
      const paths = readingPaths(input.machine as unknown as Facts);
      fc.assert(
        fc.property(fc.array(outcome, { minLength: paths.length, maxLength: paths.length }), (outcomes) => {
          let { machine } = input;
          for (const [index, path] of paths.entries()) {
            const state = outcomes[index];
            if (state === 'as it is') continue;
            machine = withReading(machine, path, state === 'absent' ? absent(path) : unreadable(path));
          }
          for (const finding of runPreflight({ ...input, machine })) {
            assert.notEqual(finding.evidence.length, 0);
            assert.equal(finding.remedy === '', finding.severity === 'pass');
          }
        }),
        inputs(100),
      );
    });

  test('of which nothing can be read does not say go', () => {
    let machine = healthyMachine();
    for (const path of readingPaths(machine as unknown as Facts))
      machine = withReading(machine, path, unreadable(path));
    assert.notEqual(verdictOf(runPreflight(healthyInput({ machine, target: undefined }))), 'go');
  });
});

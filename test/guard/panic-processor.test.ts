import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  mayPanicElsewhere,
  panicProcessorArgument,
  panicsElsewhere,
} from '../../src/guard/panic-processor.ts';
import type { MachineFacts } from '../../src/machine/facts.ts';
import { absent, healthyMachine, read } from '../support/machine-facts.ts';

function machine(release: string, commandLine: string, cpus: number): MachineFacts {
  const { cpu } = healthyMachine();
  return healthyMachine({
    release: read(release),
    commandLine: read(commandLine),
    cpu: { ...cpu, online: read(cpus) },
  });
}

test('kernels that may know panic_force_cpu= are started with it, older ones are not', () => {
  assert.equal(panicProcessorArgument('7.2.13+deb14-amd64'), 'panic_force_cpu=0');
  assert.equal(panicProcessorArgument('6.12.118+deb13-amd64'), undefined);
  assert.equal(panicProcessorArgument(undefined), undefined);
});

test('a panic stays on the first processor for certain when it is the only one', () => {
  assert.equal(mayPanicElsewhere(machine('6.1.0-56-amd64', 'quiet', 1)), false);
  assert.equal(mayPanicElsewhere(machine('6.1.0-56-amd64', 'quiet', 2)), true);
  assert.equal(mayPanicElsewhere(machine('7.2.13-amd64', 'quiet panic_force_cpu=0', 2)), true, 'an oops');
  assert.equal(mayPanicElsewhere(machine('7.2.13-amd64', 'quiet panic_force_cpu=1', 2)), true);
  assert.equal(
    mayPanicElsewhere(machine('6.1.0-56-amd64', 'panic_force_cpu=0', 2)),
    true,
    'a kernel that does not know the parameter ignores it',
  );
});

test('an oops is where it is, whatever the kernel was told', () => {
  const { cpu } = healthyMachine();
  const elsewhere = (cpus: number, release: string) =>
    panicsElsewhere({ ...cpu, online: read(cpus) }, release, 'panic_force_cpu=0');
  assert.equal(elsewhere(2, '7.2.13-amd64'), 'oopses');
  assert.equal(elsewhere(1, '7.2.13-amd64'), 'none');
  assert.equal(elsewhere(2, '6.12.9-amd64'), 'all');
});

test('what is not known counts as a panic anywhere', () => {
  const { cpu } = healthyMachine();
  assert.equal(mayPanicElsewhere(healthyMachine({ cpu: { ...cpu, online: absent('/sys') } })), true);
});

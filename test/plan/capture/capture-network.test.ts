import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fn } from '../../../src/formats/static-program/functions.ts';
import { giveBack } from '../../../src/formats/static-program/statements.ts';
import { encodeStaticProgram } from '../../../src/formats/static-program/static-program.ts';
import { hostArchitecture } from '../../../src/machine/host-architecture.ts';
import { networkStarter } from '../../../src/plan/capture/capture-network.ts';
import type { CaptureNetwork } from '../../../src/plan/capture/capture-target.ts';

const bytes = (...parts: readonly number[]) => Uint8Array.from(parts);

const NETWORK: CaptureNetwork = {
  macAddress: '02:00:00:00:00:05',
  address: bytes(10, 9, 8, 15),
  netmask: bytes(255, 255, 254, 0),
  gateway: bytes(10, 9, 9, 2),
  onLink: undefined,
};

/** As clouds give addresses to their machines. */
const ALONE: CaptureNetwork = { ...NETWORK, netmask: bytes(255, 255, 255, 255), onLink: bytes(10, 9, 9, 2) };

/** A network of its own with two ends of a cable, `card` and `peer`. */
const CABLE = [
  'mount -t sysfs sysfs /sys',
  'ip link add card type veth peer name peer',
  'ip link set card address 02:00:00:00:00:05',
  'ip link set peer up',
].join(' && ');

/** What a shell prints in such a network, or undefined where none can be made. */
function inNetwork(script: string): string | undefined {
  const inner = `${CABLE} && echo ready && ${script}`;
  const { stdout } = spawnSync('sh', ['-c', 'exec unshare -nm sh -c "$1"', 'sh', inner], {
    timeout: 20_000,
    encoding: 'utf8',
  });
  return stdout?.startsWith('ready\n') === true ? stdout.slice('ready\n'.length) : undefined;
}

function startedWith(
  network: CaptureNetwork,
  context: { skip: (why: string) => void },
  times = 1,
): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'khop-network-'));
  try {
    const program = join(folder, 'program');
    const start = networkStarter(network, 0);
    const main = fn('main', ['stack'], [], () => [giveBack([0, '-', start()])]);
    writeFileSync(program, encodeStaticProgram(main, hostArchitecture()), { mode: 0o755 });
    const output = inNetwork(
      `{ ${`${program}; echo status $?; `.repeat(times)}ip -4 -oneline address show; ip route; cat /sys/class/net/card/flags; }`,
    );
    if (output === undefined) context.skip('no network of its own can be made here');
    return output;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('the interface with the hardware address comes up with its address, network and gateway', (context) => {
  const output = startedWith(NETWORK, context);
  if (output === undefined) return;
  assert.match(output, /^status 0$/m);
  assert.match(output, /card +inet 10\.9\.8\.15\/23 /);
  assert.match(output, /^default via 10\.9\.9\.2 dev card/m);
  assert.match(output, /^0x[0-9a-f]*[13579bdf]$/m);
});

test('without a gateway there is no default route, and without the interface an error', (context) => {
  const direct = startedWith({ ...NETWORK, gateway: undefined }, context);
  if (direct === undefined) return;
  assert.match(direct, /^status 0$/m);
  assert.doesNotMatch(direct, /default/);
  const missing = startedWith({ ...NETWORK, macAddress: '02:00:00:00:00:06' }, context) ?? '';
  assert.match(missing, /^status 19$/m);
});

test('a gateway outside the netmask gets a route of its own, which a second start finds there', (context) => {
  const output = startedWith(ALONE, context);
  if (output === undefined) return;
  assert.match(output, /^status 0$/m);
  assert.match(output, /card +inet 10\.9\.8\.15\/32 /);
  assert.match(output, /^10\.9\.9\.2 dev card scope link/m);
  assert.match(output, /^default via 10\.9\.9\.2 dev card/m);
  assert.match(startedWith(ALONE, context, 2) ?? '', /^status 0\nstatus 0$/m);
});

test('a server on the same cable outside the netmask gets a route, and everybody where everybody is there', (context) => {
  const server = startedWith({ ...ALONE, gateway: undefined, onLink: bytes(192, 0, 2, 7) }, context);
  if (server === undefined) return;
  assert.match(server, /^status 0$/m);
  assert.match(server, /^192\.0\.2\.7 dev card scope link/m);
  assert.doesNotMatch(server, /default/);
  const everybody = startedWith({ ...ALONE, gateway: undefined, onLink: bytes(0, 0, 0, 0) }, context) ?? '';
  assert.match(everybody, /^status 0$/m);
  assert.match(everybody, /^default dev card scope link/m);
});

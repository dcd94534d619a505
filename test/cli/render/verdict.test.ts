import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeEstimate } from '../../../src/cli/render/verdict.ts';
import type { Estimate, WayUpEstimate } from '../../../src/switch/estimate.ts';

const PHASES =
  'Cost: about 900 ms to load, 3.2 s down and in between, 4.1 s up again (from 3 switches here).';

function costOf(wayUp: WayUpEstimate | null, over: Partial<Estimate> = {}): string {
  const phases = { loadMs: 900, downMs: 3200, upMs: 4100, samples: 3 };
  return describeEstimate({ estimate: { ...phases, wayUp, ...over } });
}

const WAY_UP: WayUpEstimate = {
  ...{ initrdMs: 800, initMs: 2100, finishedMs: 9000, samples: 3 },
  service: { name: 'ssh.service', answeredMs: 6200 },
};

test('what a switch will cost is said in the words in which it is measured', () => {
  assert.equal(costOf(null), PHASES);
  assert.equal(
    costOf(WAY_UP),
    `${PHASES} Way up, from the start of the kernel: initramfs 800 ms, init 2.1 s, ssh.service 6.2 s, default target 9.0 s.`,
  );
  assert.match(costOf(null, { samples: 1 }), /from 1 switch here/);
  assert.match(describeEstimate({ estimate: undefined }), /^Cost: not known on this machine yet/);
});

test('points of the way up that nobody measured are left out, and fewer measurements are said', () => {
  const wayUp = { ...WAY_UP, initrdMs: null, service: { name: 'ssh.service', answeredMs: null }, samples: 2 };
  assert.equal(
    costOf(wayUp),
    `${PHASES} Way up, from the start of the kernel: init 2.1 s, default target 9.0 s (from 2 of them).`,
  );
  const nothing = { initrdMs: null, initMs: null, service: null, finishedMs: null, samples: 2 };
  assert.equal(costOf(nothing), PHASES);
});

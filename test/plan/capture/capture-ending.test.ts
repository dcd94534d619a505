import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fn } from '../../../src/formats/static-program/functions.ts';
import { sys } from '../../../src/formats/static-program/terms.ts';
import {
  type CaptureEnding,
  endCapture,
  goesHome,
  rescueOf,
} from '../../../src/plan/capture/capture-ending.ts';
import { wayOut } from '../../../src/plan/capture/go-home.ts';
import type { RescueOrder } from '../../../src/plan/capture/rescue.ts';
import { PROGRAM_RUNNERS, type ProgramRunner, runProgram } from '../../support/static-programs.ts';

const PERSON: RescueOrder = { files: [], command: undefined, note: 'why', server: undefined };
const WITHOUT_HOME = { withoutHome: PERSON };
/** How the program of a test ends, as its exit status. */
const ENDS = { leave: 3, firmware: 4, rescue: 5 } as const;
/** No processor has it, so that the panic was on another one; nothing is loaded then. */
const NOT_THIS_ONE = 0xffff_fff0;

const ended = (name: string, how: keyof typeof ENDS) => fn(name, [], [], () => [sys.exit_group(ENDS[how])]);

/** How a capture ends whose panic was on a processor from which no kernel can be started. */
function endElsewhere(runner: ProgramRunner, ending: CaptureEnding): string | undefined {
  const { loadHome } = wayOut({
    ...{ address: 0x6800_0000n, bytes: new Uint8Array(0x1000) },
    ...{ bootProcessor: NOT_THIS_ONE, report: undefined },
  });
  const parts = {
    way: { leave: ended('leave', 'leave'), leaveByFirmware: ended('leaveByFirmware', 'firmware') },
    watch: { sayLeaving: fn('sayLeaving', ['pid'], [], () => []) },
    rescue: rescueOf(ending) && fn('rescue', ['watcher'], [], () => [sys.exit_group(ENDS.rescue)]),
  };
  const main = fn('main', ['stack'], [], () => [loadHome(), ...endCapture(ending, parts, 0)]);
  const { status } = runProgram(runner, main);
  return Object.entries(ENDS).find(([, each]) => each === status)?.[0];
}

for (const runner of PROGRAM_RUNNERS) {
  const { architecture, skip } = runner;

  test(`${architecture}: where no kernel can be started, a loop ends in front of a person, and nothing else does`, {
    skip,
  }, () => {
    assert.equal(endElsewhere(runner, WITHOUT_HOME), 'rescue');
    assert.equal(endElsewhere(runner, PERSON), 'rescue');
    assert.equal(endElsewhere(runner, 'home'), 'leave', 'which goes through the firmware then');
    assert.equal(endElsewhere(runner, 'firmware'), 'firmware');
  });
}

test('a kernel that ends a loop is started by itself, whoever is waited for without it', () => {
  assert.deepEqual(
    (['home', 'firmware', PERSON, WITHOUT_HOME] as const).map((ending) => [
      goesHome(ending),
      rescueOf(ending),
    ]),
    [
      [true, undefined],
      [false, undefined],
      [false, PERSON],
      [true, PERSON],
    ],
  );
});

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { cpioFile, encodeCpio } from '../../src/formats/cpio-writer.ts';
import { readInitramfs } from '../../src/formats/initramfs.ts';
import { rangesOverlap } from '../../src/formats/range.ts';
import {
  DEFAULT_GUARD_SETTINGS,
  encodeGuardSettings,
  type GuardSettings,
} from '../../src/guard/guard-settings.ts';
import { commandLineValue, parseCommandLine } from '../../src/plan/command-line.ts';
import type { LoadPlan } from '../../src/plan/load-plan.ts';
import { addParameters, withoutAddedParameters } from '../../src/switch/added-parameters.ts';
import { DEFAULT_CONFIGURATION } from '../../src/switch/configuration.ts';
import { returnTableInput } from '../../src/trial/promise.ts';
import { returnTable, uncoveredClasses } from '../../src/trial/return-table.ts';
import type { StagedTrial } from '../../src/trial/stage-trial.ts';
import { whyNotAsTried } from '../../src/trial/tried-kernel.ts';
import { CRASH_RANGE, machineWithReservation, segmentOf } from '../support/load-requests.ts';
import { healthyMachine, read, restingWatchdog } from '../support/machine-facts.ts';
import {
  archiveOf,
  entryOf,
  imageOf,
  initramfs,
  lineOf,
  stage,
  textOf,
  watched,
} from '../support/staged-trial.ts';
import { buildTree } from '../support/tree-builder.ts';
import { NEW, OLD, TRIAL_ID } from '../support/trial-world.ts';

test('where everything is possible, both kernels and the watchdog are in the archive of the first act', async () => {
  await stage({ machine: watched() }, (staged, world) => {
    const { home, guard, watchdog, firstActObstacle, homeKernel } = staged;
    assert.deepEqual(
      [home.state, guard.state, watchdog.state, firstActObstacle, homeKernel.release],
      ['planned', 'planned', 'planned', undefined, OLD],
    );
    const archive = archiveOf(staged);
    for (const part of [
      'khop/first',
      'khop/crash/',
      'khop/home/',
      'khop/modules/iTCO_wdt.ko',
      'heartbeat=30',
    ])
      assert.ok(archive.includes(part), part);
    assert.ok(archive.indexOf('#!/bin/sh') < archive.indexOf('khop/first'), 'behind the own initramfs');
    const { panicKernel, homeDefault, bootDeadlineSeconds, deadlineSeconds } = returnTableInput(
      world,
      staged,
    );
    assert.deepEqual(
      [panicKernel, homeDefault, bootDeadlineSeconds, deadlineSeconds],
      [{ state: 'planned' }, { state: 'already' }, 240, 600],
    );
  });
});

/** The files of the first act, from the end of the initrd that is loaded. */
function firstActFiles({ proposal: { plan } }: StagedTrial) {
  assert.ok(plan?.method === 'segments');
  const { bytes, name } = segmentOf(plan, 'initrd');
  return readInitramfs(bytes, name).parts.flatMap(({ entries }) => entries);
}

test('what panic kernel and way home have alike is made once, and is in the archive once', async () => {
  await stage({}, (staged) => {
    const { home, guard } = staged;
    assert.ok(home.state === 'planned' && home.value.method === 'segments');
    assert.ok(guard.state === 'planned' && guard.value.plan.method === 'segments');
    assert.match(home.value.notes.join(), /^KASLR is on/);
    assert.equal(
      segmentOf(guard.value.plan, 'kernel').bytes,
      segmentOf(home.value, 'kernel').bytes,
      'the image that was moved for the one is the other’s too',
    );
    const links = firstActFiles(staged).filter(({ hardLinkTo }) => hardLinkTo !== undefined);
    assert.deepEqual(
      links
        .filter(({ name }) => /kernel|initrd/.test(name))
        .map(({ name, hardLinkTo }) => [name, hardLinkTo]),
      [['khop/home/kernel', 'khop/crash/kernel']],
    );
  });
});

test('a kernel that is on trial against itself has an address of its own', async () => {
  const request = { selector: OLD, options: { fast: true } };
  await stage({ request }, ({ home, proposal: { plan } }) => {
    assert.ok(home.state === 'planned' && home.value.method === 'segments' && plan?.method === 'segments');
    assert.equal(plan.directEntry?.isUsed, true);
    assert.notEqual(segmentOf(plan, 'kernel').bytes, segmentOf(home.value, 'kernel').bytes);
  });
});

test('the command line is that of the boot entry, with what the trial adds behind it', async () => {
  await stage({ files: entryOf('root=/dev/vda1 crashkernel=256M quiet') }, (staged) => {
    const line = lineOf(staged);
    assert.match(
      line,
      /^root=\/dev\/vda1 crashkernel=256M quiet khop\.switch=feedfacecafebeef khop\.trial=feedfacecafebeef rdinit=\/khop\/first crashkernel=\d+K@0x[0-9a-f]+ panic=10 /,
    );
    assert.equal(
      withoutAddedParameters(line),
      'root=/dev/vda1 crashkernel=256M quiet khop.switch=feedfacecafebeef',
      'whoever takes the trial off again finds what the administrator wants',
    );
  });
});

test('the kernel on trial and all that is loaded with it stay out of the place of its panic kernel', async () => {
  for (const options of [{}, { fast: true }])
    await stage({ request: { options } }, (staged) => {
      const [, kib, start] = /crashkernel=(\d+)K@(0x[0-9a-f]+)/.exec(lineOf(staged)) ?? [];
      const reserved = { start: BigInt(start!), end: BigInt(start!) + (BigInt(kib!) << 10n) };
      const { plan } = staged.proposal;
      assert.ok(plan?.method === 'segments', 'kexec_file_load would choose the same end of memory');
      for (const { name, address, memorySize } of plan.segments)
        assert.ok(
          !rangesOverlap(reserved, { start: address, end: address + BigInt(memorySize) }),
          `${name} lies in the reservation`,
        );
      const crash = staged.guard.state === 'planned' ? staged.guard.value.plan : undefined;
      assert.ok(crash?.method === 'segments');
      for (const { name, address, memorySize } of crash.segments)
        assert.ok(
          address < 0x10_0000n || (reserved.start <= address && address + BigInt(memorySize) <= reserved.end),
          `${name} of the panic kernel lies outside of it`,
        );
    });
});

test('what is tried is noted as it is planned: the files of the options, and the lasting command line', async () => {
  const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
  for (const options of [{}, { fast: true }])
    await stage({ machine: watched(), request: { options } }, ({ tried, proposal }) => {
      assert.deepEqual(
        [tried.image.sha256, tried.initrds.map((file) => file.sha256), tried.deviceTree],
        [sha256(imageOf(NEW)), [sha256(initramfs)], null],
      );
      assert.deepEqual(
        [tried.commandLine, tried.entryCommandLine],
        ['root=/dev/vda1 quiet', 'root=/dev/vda1 quiet'],
      );
      assert.equal(whyNotAsTried({ tried, entryId: NEW }, proposal.kernel), undefined);
    });
  using other = buildTree({
    'other.img': encodeCpio([cpioFile('init', Buffer.from('#!/bin/false\n'), 0o755)]),
  });
  const over = { configuration: { ...DEFAULT_CONFIGURATION, append: 'nosmt', drop: ['quiet'] } };
  const initrd = [`${other.root}/other.img`];
  await stage({ request: { options: { initrd, append: ['debug'] } }, over }, ({ tried }) => {
    assert.deepEqual(
      [tried.initrds.map(({ path }) => path), tried.commandLine, tried.entryCommandLine],
      [initrd, 'root=/dev/vda1 nosmt debug', 'root=/dev/vda1 quiet'],
    );
  });
});

test('who asks for kexec_file_load gets it, and under lockdown the kernel on trial chooses the place itself', async () => {
  const configuration = { ...DEFAULT_CONFIGURATION, method: 'file' } as const;
  for (const given of [{ request: { options: { method: 'file' } } }, { over: { configuration } }] as const)
    await stage(given, ({ proposal }) => assert.equal(proposal.plan?.method, 'file'));
  await stage({ machine: { lockdown: read('integrity') } }, (staged) => {
    assert.equal(staged.proposal.plan?.method, 'file');
    assert.equal(staged.guard.state === 'planned' && staged.guard.value.plan.method, 'file');
    assert.match(lineOf(staged), /crashkernel=\d+K panic=10/);
  });
});

test('a reservation that stands is as large on trial, below the kernel, which so cannot unpack itself there', async () => {
  const { iomem, firmwareMap } = machineWithReservation();
  const { kexec } = healthyMachine();
  const crashSize = read(CRASH_RANGE.end - CRASH_RANGE.start);
  const machine = { iomem, firmwareMap, kexec: { ...kexec, crashSize } };
  await stage({ machine }, (staged, world) => {
    assert.match(lineOf(staged), /crashkernel=196608K@0x14000000/);
    const { plan } = staged.proposal;
    const kernel = plan?.method === 'segments' && plan.segments.find(({ name }) => name === 'kernel');
    assert.ok(kernel && kernel.address >= 0x2000_0000n);
    assert.deepEqual(returnTableInput(world, staged).panicKernel, { state: 'planned' });
  });
});

test('where it lies among the places that a kernel may unpack itself to, the table says so and with which chance', async () => {
  const iomem = read([{ name: 'System RAM', start: 0x10_0000n, end: 0x3000_0000n, children: [] }]);
  const memoryTotalBytes = read(0x2ff0_0000n);
  await stage({ machine: { iomem, memoryTotalBytes } }, (staged, world) => {
    const { panicKernel } = returnTableInput(world, staged);
    assert.ok(panicKernel.state === 'planned' && (panicKernel.missesOneIn ?? 0) > 1);
    const row = returnTable(returnTableInput(world, staged)).find((each) => each.class === 'panic');
    assert.match(row?.by ?? '', /by chance \(1 in \d+\) the kernel on trial unpacks itself in its place/);
  });
  const line = entryOf('root=/dev/vda1 nokaslr');
  await stage({ machine: { iomem, memoryTotalBytes }, files: line }, (staged, world) =>
    assert.deepEqual(returnTableInput(world, staged).panicKernel, { state: 'planned' }, lineOf(staged)),
  );
});

test('the first act starts what the kernel would have started, also after an earlier trial', async () => {
  const initOf = (staged: StagedTrial) => /start (\/\w+)/.exec(archiveOf(staged))?.[1];
  await stage({}, (staged) => assert.equal(initOf(staged), '/init'));
  await stage({ files: entryOf('root=/dev/vda1 rdinit=/own') }, (staged) => {
    assert.equal(initOf(staged), '/own');
    assert.equal(commandLineValue(lineOf(staged), 'rdinit'), '/khop/first', 'the last one counts');
  });
  const added = ['khop.trial=1111111111111111', 'rdinit=/khop/first', 'panic=10', 'sysctl.kernel.panic=10'];
  const commandLine = read(addParameters('root=/dev/vda1 rdinit=/mine', added));
  const request = { options: { reuseCmdline: true } };
  await stage({ machine: { commandLine }, request }, (staged) => {
    assert.equal(initOf(staged), '/mine');
    const names = parseCommandLine(lineOf(staged)).map(({ name }) => name);
    for (const name of ['panic', 'sysctl.kernel.panic', 'khop.trial', 'khop.added'])
      assert.equal(names.filter((each) => each === name).length, 1, `${name} is there, once`);
    assert.equal(commandLineValue(lineOf(staged), 'khop.trial'), TRIAL_ID);
  });
});

test('without an initramfs there is no first act, nothing to come home with, and no watchdog that nobody pets', async () => {
  await stage({ files: entryOf('root=/dev/vda1', ''), machine: watched() }, (staged, world) => {
    const { firstActObstacle, guard, watchdog, proposal } = staged;
    assert.match(firstActObstacle ?? '', /no initramfs/);
    assert.deepEqual(guard, { state: 'missing', reason: firstActObstacle, code: undefined });
    assert.ok(watchdog.state === 'none');
    assert.match(watchdog.reason, /nobody could pet .*no initramfs/);
    const line = proposal.plan?.commandLine ?? '';
    assert.match(line, /khop\.trial=feedfacecafebeef panic=10/);
    assert.doesNotMatch(line, /rdinit|crashkernel|watchdog/);
    const input = returnTableInput(world, staged);
    assert.deepEqual(
      [input.home.state, input.panicKernel.state, input.watchdog.state],
      ['none', 'none', 'none'],
    );
  });
});

test('a kernel that can hand its panics to the first processor is told to, where only that one leads home', async () => {
  const release = '7.2.13-amd64';
  const files = {
    'boot/new': imageOf(release),
    'boot/loader/entries/new.conf': `title new\nversion ${release}\nlinux /new\ninitrd /new.img\noptions quiet\n`,
  };
  const request = { selector: 'new' };
  await stage({ files, request }, (staged, world) => {
    assert.notEqual(staged.homeDefault.state, 'missing');
    assert.doesNotMatch(lineOf(staged), /panic_force_cpu/, 'nothing would end a panic that is lost');
    assert.equal(returnTableInput(world, staged).panicsElsewhere, 'all');
  });
  await stage({ files, request, machine: watched() }, (staged, world) => {
    assert.match(lineOf(staged), /crashkernel=\S+ panic_force_cpu=0 panic=10 /);
    assert.doesNotMatch(withoutAddedParameters(lineOf(staged)), /panic_force_cpu/, 'for this start alone');
    assert.equal(returnTableInput(world, staged).panicsElsewhere, 'oopses');
  });
  await stage({ files, request, machine: { ...watched(), lockdown: read('integrity') } }, (staged) =>
    assert.doesNotMatch(lineOf(staged), /panic_force_cpu/, 'the firmware leads home from any processor'),
  );
  await stage({}, (staged, world) => {
    assert.doesNotMatch(lineOf(staged), /panic_force_cpu/);
    assert.equal(returnTableInput(world, staged).panicsElsewhere, 'all');
  });
});

test('a watchdog is told of on the command line, and the panic kernel of the trial pets it, too', async () => {
  await stage({ machine: watched() }, (staged) => {
    assert.match(lineOf(staged), / iTCO_wdt\.heartbeat=30 /);
    const crash: LoadPlan | undefined =
      staged.guard.state === 'planned' ? staged.guard.value.plan : undefined;
    const initrd = crash?.method === 'segments' && crash.segments.find(({ name }) => name === 'initrd');
    assert.match(textOf(initrd ? initrd.bytes : undefined), /module iTCO_wdt/);
    assert.deepEqual(
      staged.proposal.machine.watchdogs.state === 'read' &&
        staged.proposal.machine.watchdogs.value.map(({ state }) => state),
      ['inactive'],
      'the checks of the switch see the machine as it is',
    );
  });
});

test('the known-good kernel has time to see to a watchdog that counts on, by either way home, for this start alone', async () => {
  // Its driver ties the device to no hardware, so sysfs tells neither driver nor module.
  const locked = restingWatchdog({ identity: 'i6300ESB timer', module: undefined, driver: undefined });
  await stage({ machine: { watchdogs: read([locked]) } }, ({ home, watchdog, guard }) => {
    assert.equal(watchdog.state === 'planned' && watchdog.driver, 'i6300esb');
    assert.ok(home.state === 'planned' && guard.state === 'planned');
    const line = home.value.commandLine;
    assert.match(line, / i6300esb\.heartbeat=300 /);
    assert.doesNotMatch(withoutAddedParameters(line), /i6300esb/);
    const { home: way, plan } = guard.value;
    assert.ok(way.state === 'planned' && plan.method === 'segments');
    assert.match(textOf(segmentOf(plan, 'initrd').bytes), /module i6300esb/, 'the panic kernel pets it');
    assert.match(way.wayHome.kept.map(({ bytes }) => textOf(bytes)).join(), /i6300esb\.heartbeat=300/);
  });
  await stage({ machine: watched() }, ({ home }) => {
    assert.doesNotMatch(home.state === 'planned' ? home.value.commandLine : '', /heartbeat/);
  });
});

test('the known-good kernel restarts the machine where it would stand still, by either way home, for this start alone', async () => {
  const running = 'root=/dev/vda1 quiet panic=0';
  await stage({ machine: { commandLine: read(running) } }, ({ home, guard }) => {
    assert.ok(home.state === 'planned' && guard.state === 'planned');
    const line = home.value.commandLine;
    for (const [name, value] of [
      ['panic', '11'],
      ['rd.emergency', 'reboot'],
      ['rd.shell', '0'],
    ] as const)
      assert.equal(commandLineValue(line, name), value);
    assert.equal(withoutAddedParameters(line), `${running} khop.home=${TRIAL_ID}`);
    const { home: way } = guard.value;
    assert.ok(way.state === 'planned');
    const kept = way.wayHome.kept.map(({ bytes }) => textOf(bytes)).join();
    assert.match(kept, / panic=0 khop\.guard=\S+ panic=11 rd\.emergency=reboot rd\.shell=0 /);
  });
});

test('where there is no room for a panic kernel the trial goes on without, and says why', async () => {
  const iomem = read([{ name: 'System RAM', start: 0x10_0000n, end: 0x1000_0000n, children: [] }]);
  await stage({ machine: { iomem } }, (staged) => {
    assert.match(
      staged.guard.state === 'missing' ? staged.guard.reason : '',
      /no place for \d+ MiB below 4 GiB/,
    );
    assert.equal(staged.home.state, 'planned');
    assert.doesNotMatch(lineOf(staged), /crashkernel/);
    assert.match(lineOf(staged), /rdinit=\/khop\/first/);
  });
});

test('a known-good kernel whose files are damaged leads nowhere home, not even through the firmware', async () => {
  const damaged = { 'boot/old': imageOf(OLD).subarray(0, 700) };
  for (const files of [{ 'boot/old': 'no kernel at all' }, damaged])
    await stage({ files, request: { home: 'old' } }, (staged, world) => {
      assert.equal(staged.home.state, 'missing');
      const input = returnTableInput(world, staged);
      assert.match(
        input.homeDefault.state === 'none' ? input.homeDefault.reason : '',
        /files .* are damaged/,
      );
      const gaps = uncoveredClasses(returnTable(input), []);
      for (const name of [
        'early-panic',
        'panic',
        'stuck-boot',
        'unhealthy',
        'power-loss',
        'fallback',
      ] as const)
        assert.ok(gaps.includes(name), name);
    });
});

test('a known-good kernel that cannot be planned is missing, and the trial says so', async () => {
  await stage({ files: { 'boot/old': 'no kernel at all' }, request: { home: 'old' } }, (staged, world) => {
    assert.equal(staged.home.state, 'missing');
    assert.equal(returnTableInput(world, staged).home.state, 'none');
    assert.equal(staged.proposal.planError, undefined);
    assert.match(lineOf(staged), /rdinit=\/khop\/first/);
  });
});

test('another kernel to come home to may be named, and one that does not exist is an error', async () => {
  await stage({ request: { home: NEW } }, ({ homeKernel, guard }) => {
    assert.equal(homeKernel.release, NEW);
    assert.equal(guard.state === 'planned' && guard.value.plan.kernel.release, NEW);
  });
  await assert.rejects(
    stage({ request: { home: 'none-of-them' } }, () => undefined),
    { code: 'E_NOT_FOUND' },
  );
});

test('the guard of this machine is heeded, except for what would not lead home, and a place that is out of reach', async () => {
  const guard: GuardSettings = {
    ...DEFAULT_GUARD_SETTINGS,
    ...{ mode: 'continue', kernel: NEW, home: NEW },
    to: { kind: 'file-system', uuid: 'gone', folder: '/crashes' },
  };
  const files = { 'state/guard.json': encodeGuardSettings(guard) };
  const findMount = (uuid: string) => ({ state: 'absent', source: uuid }) as const;
  await stage({ files, over: { findMount } }, (staged) => {
    assert.ok(staged.guard.state === 'planned', staged.guard.state === 'missing' ? staged.guard.reason : '');
    const { plan, continuing, place } = staged.guard.value;
    assert.deepEqual([plan.kernel.release, continuing, place.state], [OLD, undefined, 'nowhere']);
  });
});

test('the time that somebody has to confirm counts on top', async () => {
  const deadlines = { bootSeconds: 60, totalSeconds: 300, confirmSeconds: 900 };
  await stage({ request: { deadlines } }, (staged, world) => {
    const { needsConfirm, deadlineSeconds, bootDeadlineSeconds } = returnTableInput(world, staged);
    assert.deepEqual([needsConfirm, deadlineSeconds, bootDeadlineSeconds], [true, 1200, 60]);
  });
});

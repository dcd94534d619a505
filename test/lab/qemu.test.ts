import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type MachineDescription, machineFiles, qemuArguments } from '../../src/lab/qemu.ts';

const MACHINE: MachineDescription = {
  name: 'small',
  architecture: 'x86-64',
  accelerator: 'tcg',
  firmware: { kind: 'seabios' },
  cpus: 2,
  memoryMib: 512,
  hasFiveLevelPaging: false,
  instructionCount: false,
  hasDebugPort: false,
  hasDisplay: false,
  boot: { from: 'kernel', image: '/k', initrd: '/i', commandLine: 'console=ttyS0 a="b c"' },
  disks: [
    { serial: 'khop-tool', path: '/tool.img', access: 'read-only' },
    { serial: 'khop-root', path: '/base.img', access: 'overlay' },
  ],
  sshPort: undefined,
  onReset: 'restart',
  extraArguments: [],
};

/** The value after each `option`. */
function values(args: readonly string[], option: string): string[] {
  return args.flatMap((word, index) => (args[index - 1] === option ? [word] : []));
}

test('two emulated CPUs take turns on one thread, one has its own', () => {
  for (const [cpus, thread] of [
    [1, 'multi'],
    [2, 'single'],
  ] as const)
    assert.deepEqual(values(qemuArguments({ ...MACHINE, cpus }, '/f', undefined), '-accel'), [
      `tcg,thread=${thread}`,
    ]);
});

test('without KVM the processor is emulated, with five-level paging only where asked for', () => {
  const args = qemuArguments(MACHINE, '/f', undefined);
  assert.deepEqual(values(args, '-cpu'), ['max,la57=off']);
  const five = qemuArguments({ ...MACHINE, hasFiveLevelPaging: true }, '/f', undefined);
  assert.deepEqual(values(five, '-cpu'), ['max,la57=on']);
  assert.match(
    values(qemuArguments({ ...MACHINE, accelerator: 'kvm' }, '/f', undefined), '-cpu')[0] ?? '',
    /^host,/,
  );
});

test('an arm64 machine is another one, without firmware', () => {
  const args = qemuArguments(
    { ...MACHINE, architecture: 'arm64', firmware: { kind: 'none' } },
    '/f',
    undefined,
  );
  assert.deepEqual(values(args, '-machine'), ['virt,gic-version=2']);
  assert.deepEqual(values(args, '-accel'), ['tcg,thread=single']);
  assert.deepEqual(values(args, '-cpu'), ['cortex-a72']);
  assert.ok(!args.some((word) => word.includes('pflash')));
});

test('a machine starts stopped, with sockets in its folder and no network', () => {
  const args = qemuArguments(MACHINE, '/f', undefined);
  assert.ok(args.includes('-S') && !args.includes('-incoming') && !args.includes('-no-reboot'));
  assert.deepEqual(values(args, '-nic'), ['none']);
  assert.deepEqual(values(args, '-append'), ['console=ttyS0 a="b c"']);
  const chardevs = values(args, '-chardev').join('\n');
  for (const path of [machineFiles('/f').agent, machineFiles('/f').console, machineFiles('/f').qmp])
    assert.ok(chardevs.includes(`path=${path},`));
});

test('the image of a disk is never written: it is read-only, or an overlay in the folder is', () => {
  const [tool = '', root = ''] = values(qemuArguments(MACHINE, '/f', undefined), '-drive');
  assert.match(tool, /format=raw,readonly=on.*file\.filename=\/tool\.img$/);
  assert.match(root, /format=qcow2,readonly=off.*file\.filename=\/f\/disk1\.qcow2$/);
  assert.ok(!qemuArguments(MACHINE, '/f', undefined).join(' ').includes('/base.img'));
});

test('UEFI variables are those of the folder; the code is read-only', () => {
  const firmware = { kind: 'ovmf', code: '/CODE,4M.fd', variables: '/VARS.fd' } as const;
  const drives = values(qemuArguments({ ...MACHINE, firmware }, '/f', undefined), '-drive');
  assert.equal(drives[0], 'if=pflash,unit=0,format=raw,readonly=on,file=/CODE,,4M.fd');
  assert.equal(drives[1], 'if=pflash,unit=1,format=raw,file=/f/variables.fd');
});

test('a machine on a disk has no kernel of its own, and ssh is bound to the loopback', () => {
  const args = qemuArguments(
    { ...MACHINE, boot: { from: 'disk' }, sshPort: 2222, onReset: 'exit' },
    '/f',
    'fd:3',
  );
  assert.ok(!args.includes('-kernel') && args.includes('-no-reboot'));
  assert.match(values(args, '-nic')[0] ?? '', /hostfwd=tcp:127\.0\.0\.1:2222-:22$/);
  assert.deepEqual(values(args, '-incoming'), ['fd:3']);
});

test('a machine that counts instructions has clocks that only its instructions move', () => {
  const args = qemuArguments({ ...MACHINE, cpus: 1, instructionCount: true }, '/f', undefined);
  assert.deepEqual(values(args, '-icount'), ['shift=0,sleep=off']);
  assert.deepEqual(values(args, '-accel'), ['tcg,thread=single']);
  assert.match(values(args, '-rtc')[0] ?? '', /clock=vm$/);
  assert.deepEqual(values(qemuArguments(MACHINE, '/f', undefined), '-icount'), []);
});

test('what a guest writes to the debug port goes to a file, away from where firmware writes', () => {
  const args = qemuArguments({ ...MACHINE, hasDebugPort: true }, '/f', undefined);
  assert.ok(values(args, '-chardev').includes(`file,id=debug,path=${machineFiles('/f').debugPort}`));
  assert.ok(values(args, '-device').includes('isa-debugcon,iobase=0xe9,chardev=debug'));
  assert.ok(!qemuArguments(MACHINE, '/f', undefined).join(' ').includes('isa-debugcon'));
});

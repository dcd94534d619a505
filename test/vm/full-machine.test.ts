import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fullImage } from '../../src/lab/full-image.ts';
import { startFullMachine, waitForSystem } from '../../src/lab/full-machine.ts';

const LIMIT = { timeout: 900_000 };
const SHORT = { timeoutMs: 60_000 };

test('one disk boots by BIOS and by UEFI through GRUB to a system without failed units', LIMIT, async () => {
  for (const firmware of ['seabios', 'ovmf'] as const) {
    await using machine = await startFullMachine({ firmware, isCold: true, withoutKhop: true });
    const { stdout } = await machine.run(
      'uname -r; cat /proc/cmdline; test -d /sys/firmware/efi && echo uefi || echo bios; systemctl is-system-running',
      SHORT,
    );
    const [release = '', commandLine = '', booted, state] = stdout.trim().split('\n');
    assert.match(release, /^6\.1\..*-cloud-amd64$/);
    assert.match(commandLine, new RegExp(`^BOOT_IMAGE=/boot/vmlinuz-${release} root=UUID=`));
    assert.equal(booted, firmware === 'ovmf' ? 'uefi' : 'bios');
    assert.equal(state, 'running');
  }
});

test("grub.cfg is grub-mkconfig's own, with both kernels and their initramfs in /boot", LIMIT, async () => {
  const text = await readFile((await fullImage()).grubConfiguration, 'utf8');
  assert.match(text, /^### BEGIN \/etc\/grub\.d\/10_linux ###$/m);
  await using machine = await startFullMachine({ withoutKhop: true });
  const guest = await machine.copyOut('/boot/grub/grub.cfg');
  assert.equal(Buffer.from(guest.bytes).toString(), text);
  const images = [...text.matchAll(/^\s*(?:linux|initrd)\s+(\S+)/gm)].map(([, path]) => path ?? '');
  assert.ok(images.some((path) => path.includes('-6.1.')) && images.some((path) => path.includes('-6.12.')));
  await machine.run(['ls', ...new Set(images)], SHORT);
});

test(
  'a machine from a checkpoint has a file system that can be written and the time of the host',
  LIMIT,
  async () => {
    await using machine = await startFullMachine({ withoutKhop: true });
    await machine.copyIn('kept\n', '/var/lib/mark');
    await machine.run('sync', SHORT);
    const { stdout } = await machine.run('cat /var/lib/mark; date +%s', SHORT);
    const [mark, seconds] = stdout.trim().split('\n');
    assert.equal(mark, 'kept');
    assert.ok(Math.abs(Number(seconds) - Date.now() / 1000) < 60);
  },
);

test('systemd stops in order and jumps to a kernel that kexec-tools loaded', LIMIT, async () => {
  await using machine = await startFullMachine({ withoutKhop: true });
  const before = await machine.waitForHello(1000);
  await machine.run(
    'kexec-tools -l /boot/vmlinuz-6.12* --initrd=$(ls /boot/initrd.img-6.12*) --reuse-cmdline',
    SHORT,
  );
  await machine.start('systemctl kexec');
  const after = await machine.waitForNewKernel(before.bootId, 240_000);
  assert.match(after.release, /^6\.12\..*-cloud-amd64$/);
  await waitForSystem(machine);
  const { stdout } = await machine.run('dmesg | grep -c "EXT4-fs.*recovery" || true', SHORT);
  assert.equal(stdout.trim(), '0', 'the file system was not unmounted cleanly');
});

test('a reset through the firmware comes back to the default kernel', LIMIT, async () => {
  await using machine = await startFullMachine({ withoutKhop: true });
  const before = await machine.waitForHello(1000);
  await machine.reset();
  const after = await machine.waitForNewKernel(before.bootId, 240_000);
  assert.equal(after.release, before.release);
});

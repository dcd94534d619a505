/**
 * Reports sent to another machine by Debian's ssh in the panic kernel, with a key that can do nothing else there.
 * @module
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeExt4Image } from '../../src/lab/ext4-image.ts';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { connectMachine, networkArguments } from '../support/connected-machine.ts';
import { freePort } from '../support/free-port.ts';
import { programsDisk } from '../support/programs-disk.ts';

const COMMAND = { timeoutMs: 300_000 };
const HOME_TIMEOUT_MS = 300_000;
const STATE = '/var/lib/khop';
const SECRET = 'sysrq triggered crash';
const PROGRAMS = ['usr/bin/ssh', 'usr/bin/ssh-keygen', 'usr/sbin/sshd', 'usr/bin/age', 'usr/bin/age-keygen'];
/** As after every start of a kernel: the initramfs is new. */
const PREPARE = [
  `mkdir -p ${STATE} /programs /usr/lib /usr/sbin /usr/bin /root/.ssh /run/sshd /srv/crashes`,
  'touch /lib/modules/$(uname -r)/modules.builtin',
  'mount-tool programs /programs && cp /programs/*.so* /usr/lib && cp /programs/sshd /usr/sbin',
  'cp /programs/ssh /programs/ssh-keygen /programs/age /programs/age-keygen /usr/bin',
].join('\n');
const MOUNT = `mount /dev/$(grep -l target /sys/block/vd*/serial | cut -d/ -f4) ${STATE}`;

async function say(machine: VirtualMachine, command: string): Promise<string> {
  return (await machine.run(command, COMMAND)).stdout;
}

/** sshd for a user who can unpack archives and nothing else. Gives back the public key of the host. */
async function serve(machine: VirtualMachine, publicKey: string): Promise<string> {
  await machine.run(
    [
      'echo "crash:x:1000:1000::/srv/sender:/bin/sh" >>/etc/passwd',
      'echo "sshd:x:100:65534::/run/sshd:/bin/false" >>/etc/passwd',
      'mkdir -p /srv/sender/.ssh && chown 1000:1000 /srv/crashes',
      `echo 'restrict,command="tar -xf - -C /srv/crashes" ${publicKey}' >/srv/sender/.ssh/authorized_keys`,
      'ssh-keygen -q -t ed25519 -N "" -f /root/host_key',
      'chmod 755 / /srv /srv/sender /run/sshd',
    ].join('\n'),
    COMMAND,
  );
  await startServing(machine);
  return (await say(machine, 'cut -d" " -f1,2 /root/host_key.pub')).trim();
}

async function startServing(machine: VirtualMachine): Promise<void> {
  await machine.run(
    '/usr/sbin/sshd -f /dev/null -h /root/host_key -o StrictModes=no -o UsePAM=no -o PidFile=/run/sshd.pid',
    COMMAND,
  );
}

/** Crashes, comes home; what `khop arrive` says and the chain that came home in memory. */
async function crash(machine: VirtualMachine) {
  const { bootId } = await machine.waitForHello(1000);
  await machine.start('echo c >/proc/sysrq-trigger');
  await machine.waitForNewKernel(bootId, HOME_TIMEOUT_MS);
  await machine.run(PREPARE, COMMAND);
  await machine.run(MOUNT, COMMAND);
  const arrived = await say(machine, 'khop arrive');
  return { arrived, chain: await say(machine, `cat $(ls -d ${STATE}/crashes/* | tail -n 1)/chain.txt`) };
}

test('a report goes to another machine by ssh, encrypted too, never to one that passes for it, and the machine comes home without it as well', {
  timeout: 2_400_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'khop-guard-ssh-'));
  try {
    const empty = join(folder, 'empty');
    mkdirSync(empty);
    const target = join(folder, 'target.img');
    await writeExt4Image(empty, target, { label: 'target', spareMib: 64, sizeMib: 64, hasJournal: true });
    const programs = {
      serial: 'programs',
      path: await programsDisk(folder, ['openssh-client', 'openssh-server', 'age'], PROGRAMS),
      access: 'read-only',
    } as const;
    const port = await freePort();
    await using server = await startSmallMachine({
      kernel: '6.1',
      memoryMib: 512,
      isCold: true,
      withoutKhop: true,
      disks: [programs],
      extraArguments: networkArguments(`,hostfwd=tcp:127.0.0.1:${port}-:22`),
    });
    await server.run(PREPARE, COMMAND);
    await connectMachine(server);
    await using machine = await startSmallMachine({
      kernel: '6.1',
      memoryMib: 1024,
      kernelArguments: 'crashkernel=320M',
      isCold: true,
      disks: [{ serial: 'target', path: target, access: 'overlay' }, programs],
      extraArguments: networkArguments(),
    });
    await machine.run(PREPARE, COMMAND);
    await machine.run(MOUNT, COMMAND);
    await connectMachine(machine);
    await machine.run(
      `ssh-keygen -q -t ed25519 -N "" -f ${STATE}/key && age-keygen -o ${STATE}/identity`,
      COMMAND,
    );
    const hostKey = await serve(server, (await say(machine, `cat ${STATE}/key.pub`)).trim());
    const know = async (key: string): Promise<void> => {
      await machine.run(`echo '[10.0.2.2]:${port} ${key}' >/root/.ssh/known_hosts`, COMMAND);
    };
    const to = `--to ssh://crash@10.0.2.2:${port}/srv/crashes --ssh-key ${STATE}/key`;
    const received = async (): Promise<string[]> =>
      (await say(server, 'cd /srv/crashes && find . -type f | sort')).trim().split('\n');
    const refusal = async (): Promise<string> =>
      await say(machine, `khop guard on ${to} 2>&1 && echo taken || true`);

    assert.match(await refusal(), /no key of 10\.0\.2\.2 is known/);
    await know((await say(machine, `cut -d' ' -f1,2 ${STATE}/key.pub`)).trim());
    assert.match(await refusal(), /Host key verification failed/);

    await know(hostKey);
    const armed = await say(machine, `khop guard on ${to} --deadline 120`);
    assert.match(armed, /report +on ssh:\/\/crash@10\.0\.2\.2:\d+\/srv\/crashes, through eth0/);
    const plain = await crash(machine);
    assert.match(plain.arrived, /Its report: khop crashes show/);
    assert.match(plain.chain, /^home \d+ kexec/m);
    const name = /^\.\/\d{4}-\d\d-\d\dT\d{6}Z-6\.1\.[^/]+\//;
    assert.deepEqual(
      (await received()).map((path) => path.replace(name, '')),
      ['chain.txt', 'dmesg.txt', 'vmcoreinfo.txt'],
    );
    assert.match(await say(server, 'cat /srv/crashes/*/dmesg.txt'), new RegExp(SECRET));
    assert.match(await say(server, 'cat /srv/crashes/*/chain.txt'), /^report \d+\nleave-kexec \d+$/m);

    await server.run('rm -r /srv/crashes/*', COMMAND);
    await connectMachine(machine);
    await know(hostKey);
    const key = (await say(machine, `age-keygen -y ${STATE}/identity`)).trim();
    await machine.run(`khop guard on ${to} --deadline 120 --encrypt-to ${key}`, COMMAND);
    const encrypted = await crash(machine);
    assert.match(encrypted.chain, /^encrypted \d+$/m);
    assert.deepEqual(
      (await received()).map((path) => path.replace(name, '')),
      ['chain.txt', 'dmesg.txt.age', 'vmcoreinfo.txt.age'],
    );
    assert.match(await say(server, 'cat /srv/crashes/*/chain.txt'), /^report \d+\nleave-kexec \d+$/m);

    await connectMachine(machine);
    await know(hostKey);
    await machine.run(`khop guard on ${to} --deadline 60`, COMMAND);
    await server.run('kill $(cat /run/sshd.pid)', COMMAND);
    const alone = await crash(machine);
    assert.match(alone.chain, /^report-failed \d+ errno 110$/m);
    assert.match(alone.chain, /^home \d+ kexec/m);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

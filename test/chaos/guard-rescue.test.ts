/**
 * A machine that crashed twice in the same way and has no other kernel: a person logs in to its panic kernel by ssh, with the
 * keys of the machine, reads the report there, and sends it home.
 * @module
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { encodeHistoryEntry } from '../../src/switch/history.ts';
import { connectMachine, networkArguments } from '../support/connected-machine.ts';
import { freePort } from '../support/free-port.ts';
import { programsDisk } from '../support/programs-disk.ts';

const COMMAND = { timeoutMs: 300_000 };
const HISTORY = '/var/lib/khop/history.jsonl';
const PROGRAMS = ['usr/bin/ssh', 'usr/bin/ssh-keygen', 'usr/sbin/sshd'];

const PREPARE = [
  'mkdir -p /var/lib/khop /programs /usr/lib /usr/sbin /usr/bin /root/.ssh /run/sshd /etc/ssh',
  'touch /lib/modules/$(uname -r)/modules.builtin',
  'mount-tool programs /programs && cp /programs/*.so* /usr/lib && cp /programs/sshd /usr/sbin',
  'cp /programs/ssh /programs/ssh-keygen /usr/bin',
].join('\n');

const SERVER = [
  'echo "sshd:x:100:65534::/run/sshd:/bin/false" >>/etc/passwd',
  'ssh-keygen -q -t ed25519 -N "" -f /root/host_key',
  'printf "PermitRootLogin prohibit-password\\nHostKey /root/host_key\\nUsePAM no\\n" >/etc/ssh/sshd_config',
].join('\n');

/** That a kernel died twice just now. */
function diedTwice(release: string, atMs: number): string {
  const entry = encodeHistoryEntry({
    ...{ version: 1, kind: 'crash', id: 'x', atMs, release, summary: 'it died', fingerprint: 'f00' },
    ...{ outcome: 'home-by-kexec', trial: null, arrivedRelease: null, arrivedBootId: null },
    ...{ captureMs: 1, upMs: 1 },
  });
  return entry.repeat(2);
}

async function say(machine: VirtualMachine, command: string): Promise<string> {
  return (await machine.run(command, COMMAND)).stdout;
}

test('after the same crash twice a person logs in to the panic kernel, reads the report and sends the machine home', {
  timeout: 1_800_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'khop-guard-rescue-'));
  try {
    const image = await programsDisk(folder, ['openssh-client', 'openssh-server'], PROGRAMS);
    const programs = { serial: 'programs', path: image, access: 'read-only' } as const;
    const port = await freePort();
    await using person = await startSmallMachine({
      ...{ kernel: '6.1', memoryMib: 512, isCold: true, withoutKhop: true, disks: [programs] },
      extraArguments: networkArguments(),
    });
    await person.run(PREPARE, COMMAND);
    await connectMachine(person);
    await person.run('ssh-keygen -q -t ed25519 -N "" -f /root/.ssh/id_ed25519', COMMAND);

    await using machine = await startSmallMachine({
      ...{ kernel: '6.1', memoryMib: 1024, isCold: true, disks: [programs] },
      kernelArguments: 'crashkernel=256M',
      extraArguments: networkArguments(`,hostfwd=tcp:127.0.0.1:${port}-:22`),
    });
    await machine.run(PREPARE, COMMAND);
    await connectMachine(machine);
    await machine.run(SERVER, COMMAND);
    const [release = '', seconds = ''] = (await say(machine, 'uname -r; date +%s')).trim().split('\n');
    await machine.copyIn(diedTwice(release, Number(seconds) * 1000), HISTORY);
    assert.match(
      await say(machine, 'khop guard on'),
      /a shell on the console, whose exit .*root has no authorized_keys/,
    );

    await machine.copyIn(
      await say(person, 'cat /root/.ssh/id_ed25519.pub'),
      '/root/.ssh/authorized_keys',
      0o600,
    );
    const hostKey = (await say(machine, 'cut -d" " -f1,2 /root/host_key.pub')).trim();
    await person.run(`echo '[10.0.2.2]:${port} ${hostKey}' >/root/.ssh/known_hosts`, COMMAND);
    assert.match(
      await say(machine, 'khop guard on --deadline 30'),
      /a shell on the console and by ssh root@10\.0\.2\.15, whose exit starts Linux 6\.1/,
    );
    const before = await machine.waitForHello(1000);
    await machine.start('echo c >/proc/sysrq-trigger');
    const ssh = `ssh -o BatchMode=yes -o ConnectTimeout=5 -p ${port}`;
    // Longer than the deadline, which is no longer one.
    await say(person, `for i in $(seq 60); do ${ssh} root@10.0.2.2 true && break; sleep 2; done; sleep 31`);
    const seen = await say(
      person,
      `${ssh} root@10.0.2.2 'nproc; uname -r; cat /rescue/dmesg.txt; head -c 4 /proc/vmcore'`,
    );
    assert.match(seen, new RegExp(`^1\\n${release}\\n`));
    assert.match(seen, /Kernel panic - not syncing: sysrq triggered crash/);
    assert.match(seen, /\x7fELF$/);
    const shown = await say(person, `(sleep 3; echo exit) | ${ssh} -tt root@10.0.2.2`);
    assert.match(shown, /sysrq triggered crash/);
    assert.match(shown, /died 2 times within 60 min in the same way: it died\.[^]*leave +starts Linux 6\.1/);

    const left = await person.exec(`timeout 60 ${ssh} root@10.0.2.2 leave; echo ended with $?`, COMMAND);
    assert.doesNotMatch(left.stdout, /ended with (124|143)/, 'the connection was closed');
    const home = await machine.waitForNewKernel(before.bootId, 180_000);
    assert.equal(home.release, release);
    await machine.run(PREPARE, COMMAND);
    assert.match(await say(machine, 'cat /proc/cmdline'), /khop\.guard=[0-9a-f]{16},/);
    assert.match(await say(machine, 'khop arrive'), /crashed: crash asked for through sysrq/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

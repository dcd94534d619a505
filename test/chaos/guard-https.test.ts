/**
 * Reports put to a web server behind TLS by Debian's curl in the panic kernel, and never to one that passes for it.
 * @module
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { writeExt4Image } from '../../src/lab/ext4-image.ts';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { connectMachine, networkArguments } from '../support/connected-machine.ts';
import { programsDisk } from '../support/programs-disk.ts';

const COMMAND = { timeoutMs: 300_000 };
const HOME_TIMEOUT_MS = 300_000;
const STATE = '/var/lib/khop';
const HOST = 'reports.example.org';
const PANIC = /Kernel panic - not syncing: sysrq triggered crash/;

/** As after every start of a kernel: the initramfs is new. */
const PREPARE = [
  `mkdir -p ${STATE} /programs /usr/lib /usr/bin /etc`,
  'touch /lib/modules/$(uname -r)/modules.builtin',
  'mount-tool programs /programs && cp /programs/*.so* /usr/lib && cp /programs/curl /programs/openssl /usr/bin',
  `mount /dev/$(grep -l target /sys/block/vd*/serial | cut -d/ -f4) ${STATE}`,
  `echo '10.0.2.2 ${HOST}' >>/etc/hosts`,
].join('\n');

async function say(machine: VirtualMachine, command: string): Promise<string> {
  return (await machine.run(command, COMMAND)).stdout;
}

/** A key, and a certificate that vouches for itself. */
async function certify(machine: VirtualMachine, name: string, host: string) {
  const at = `${STATE}/${name}`;
  await machine.run(
    `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -config /dev/null \\
      -subj /CN=${name} -addext subjectAltName=DNS:${host} -keyout ${at}.key -out ${at}.pem`,
    COMMAND,
  );
  return { key: await say(machine, `cat ${at}.key`), cert: await say(machine, `cat ${at}.pem`) };
}

async function portOf(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** Crashes and comes home; the chain of steps that came home in memory. */
async function crash(machine: VirtualMachine): Promise<string> {
  const { bootId } = await machine.waitForHello(1000);
  await machine.start('echo c >/proc/sysrq-trigger');
  await machine.waitForNewKernel(bootId, HOME_TIMEOUT_MS);
  await machine.run(PREPARE, COMMAND);
  assert.match(await say(machine, 'khop arrive'), /Its report: khop crashes show/);
  return await say(machine, `cat $(ls -d ${STATE}/crashes/* | tail -n 1)/chain.txt`);
}

test('a report goes to a web server over TLS, never to one with another certificate, and the machine comes home without it as well', {
  timeout: 1_800_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'khop-guard-https-'));
  const servers: Server[] = [];
  try {
    const empty = join(folder, 'empty');
    mkdirSync(empty);
    const target = join(folder, 'target.img');
    await writeExt4Image(empty, target, { label: 'target', spareMib: 64, sizeMib: 64, hasJournal: true });
    const programs = await programsDisk(folder, ['curl', 'openssl'], ['usr/bin/curl', 'usr/bin/openssl']);
    await using machine = await startSmallMachine({
      kernel: '6.1',
      memoryMib: 1024,
      kernelArguments: 'crashkernel=320M',
      isCold: true,
      disks: [
        { serial: 'target', path: target, access: 'overlay' },
        { serial: 'programs', path: programs, access: 'read-only' },
      ],
      extraArguments: networkArguments(),
    });
    await machine.run(PREPARE, COMMAND);
    await connectMachine(machine);

    const received = new Map<string, string>();
    const serve = async (identity: { readonly key: string; readonly cert: string }): Promise<number> => {
      const server = createServer(identity, async (request, response) => {
        if (request.method === 'PUT') received.set(request.url ?? '', (await buffer(request)).toString());
        response.writeHead(request.method === 'PUT' ? 201 : 405).end();
      });
      server.on('tlsClientError', () => undefined);
      servers.push(server);
      return await portOf(server);
    };
    const port = await serve(await certify(machine, 'ours', HOST));
    const impostor = await serve(await certify(machine, 'impostor', HOST));
    const misnamed = await serve(await certify(machine, 'misnamed', 'other.example.org'));
    const guardOn = (at: number, ca: string, more = ''): string =>
      `khop guard on --to https://${HOST}:${at}/crashes --ca-file ${STATE}/${ca}.pem ${more}`;
    const refusal = async (at: number, ca: string): Promise<string> =>
      await say(machine, `${guardOn(at, ca)} 2>&1 && echo taken || true`);
    assert.match(await refusal(impostor, 'ours'), /curl: \(60\)/);
    assert.match(
      await refusal(misnamed, 'misnamed'),
      /curl: \(60\).*no alternative certificate subject name/,
    );
    assert.match(await refusal(1, 'ours'), /curl: \(7\)/);
    assert.equal(received.size, 0);

    const armed = await say(machine, guardOn(port, 'ours', '--deadline 120'));
    assert.match(armed, /report +on https:\/\/reports\.example\.org:\d+\/crashes\/, through eth0/);
    const chain = await crash(machine);
    assert.match(chain, /^home \d+ kexec/m);
    const names = [...received.keys()];
    assert.deepEqual(
      names.map((name) => name.replace(/^\/crashes\/\d{4}-\d\d-\d\dT\d{6}Z-6\.1\.[^/]+\//, '')),
      ['dmesg.txt', 'vmcoreinfo.txt', 'chain.txt'],
    );
    assert.match(received.get(names[0]!) ?? '', PANIC);
    assert.match(received.get(names[2]!) ?? '', /^report \d+\nleave-kexec \d+$/m);

    // Whoever takes the address over has another key.
    await connectMachine(machine);
    await machine.run(guardOn(port, 'ours', '--deadline 60'), COMMAND);
    servers[0]!.setSecureContext(await certify(machine, 'other', HOST));
    received.clear();
    const alone = await crash(machine);
    assert.match(alone, /^report-failed \d+ errno 110$/m);
    assert.match(alone, /^home \d+ kexec/m);
    assert.equal(received.size, 0);
  } finally {
    for (const server of servers) server.close();
    rmSync(folder, { recursive: true });
  }
});

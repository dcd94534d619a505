import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { writeExt4Image } from '../../src/lab/ext4-image.ts';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { connectMachine, networkArguments } from '../support/connected-machine.ts';

const COMMAND = { timeoutMs: 300_000 };
const HOME_TIMEOUT_MS = 120_000;
const STATE = '/var/lib/khop';
const PARTITION = 'aaaaaaaa-02';
const PANIC = /Kernel panic - not syncing: sysrq triggered crash/;

/** As after every start of a kernel: the initramfs is new, and there is no udev. */
async function prepare(machine: VirtualMachine): Promise<void> {
  await machine.run(
    [
      `mkdir -p ${STATE} /dev/disk/by-partuuid`,
      'touch /lib/modules/$(uname -r)/modules.builtin',
      'disk() { grep -l "$1" /sys/block/vd*/serial | cut -d/ -f4; }',
      `mount /dev/$(disk target) ${STATE}`,
      `ln -sf ../../$(disk raw) /dev/disk/by-partuuid/${PARTITION}`,
    ].join('\n'),
    COMMAND,
  );
}

async function crash(machine: VirtualMachine, to: string): Promise<string> {
  const armed = (await machine.run(`khop guard on --to ${to}`, COMMAND)).stdout;
  const { bootId } = await machine.waitForHello(1000);
  await machine.start('echo c >/proc/sysrq-trigger');
  await machine.waitForNewKernel(bootId, HOME_TIMEOUT_MS);
  await prepare(machine);
  return armed;
}

test('a report goes to a raw partition and to a web server, and the machine comes home from both', {
  timeout: 600_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'khop-guard-targets-'));
  const received = new Map<string, string>();
  const server = createServer(async (request, response) => {
    received.set(`${request.method} ${request.url}`, (await buffer(request)).toString());
    response.writeHead(201).end();
  });
  try {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const empty = join(folder, 'empty');
    mkdirSync(empty);
    const target = join(folder, 'target.img');
    await writeExt4Image(empty, target, { label: 'target', spareMib: 64, sizeMib: 64, hasJournal: true });
    const raw = join(folder, 'raw.img');
    writeFileSync(raw, new Uint8Array(16 * 1024 * 1024));
    await using machine = await startSmallMachine({
      kernel: '6.1',
      memoryMib: 768,
      kernelArguments: 'crashkernel=256M',
      isCold: true,
      disks: [
        { serial: 'target', path: target, access: 'overlay' },
        { serial: 'raw', path: raw, access: 'overlay' },
      ],
      extraArguments: networkArguments(),
    });

    await prepare(machine);
    assert.match(await crash(machine, `raw:PARTUUID=${PARTITION}`), /report +on \/dev\/vd/);
    assert.match((await machine.run('khop arrive', COMMAND)).stdout, /Its report: khop crashes show/);
    assert.match((await machine.run(`cat ${STATE}/crashes/*/dmesg.txt`, COMMAND)).stdout, PANIC);
    const chain = (await machine.run(`cat ${STATE}/crashes/*/chain.txt`, COMMAND)).stdout;
    assert.match(chain, /^report \d+\nleave-kexec \d+\nhome \d+ kexec$/m);

    await connectMachine(machine);
    assert.match(await crash(machine, `http://10.0.2.2:${port}/crashes`), /report +on http:.*through eth0/);
    // It came home in memory, too.
    assert.match((await machine.run('khop arrive', COMMAND)).stdout, /Its report: khop crashes show/);
    const names = [...received.keys()];
    assert.deepEqual(
      names.map((name) => name.replace(/^PUT \/crashes\/\d{4}-\d\d-\d\dT\d{6}Z-6\.1\.[^/]+\//, '')),
      ['dmesg.txt', 'vmcoreinfo.txt', 'chain.txt'],
    );
    assert.match(received.get(names[0]!) ?? '', PANIC);
    assert.match(received.get(names[2]!) ?? '', /^report \d+\nleave-kexec \d+$/m);
  } finally {
    server.close();
    rmSync(folder, { recursive: true });
  }
});

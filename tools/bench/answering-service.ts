/**
 * A service of the full machine that answers as soon as it is asked, and the client outside that notices
 * when it does not.
 * @module
 */
import { get } from 'node:http';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { KhopError } from '../../src/error.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';

const GUEST_PORT = 80;
const POLL_MS = 50;
const ANSWER_TIMEOUT_MS = 2_000;
const COMMAND = { timeoutMs: 120_000 };

/** QEMU's own network, without the world; a port of the host is added once the machine runs. */
export const SERVICE_NETWORK = ['-nic', 'user,id=bench,model=virtio-net-pci,restrict=on'] as const;

/** One process, always there: what is measured is the machine and not how a program starts. */
const PROGRAM = `#!/usr/bin/perl
use IO::Socket;
open(my $file, "<", "/proc/sys/kernel/random/boot_id") or die "boot_id: $!";
chomp(my $boot = <$file>);
my $server = IO::Socket::INET->new(LocalPort => ${GUEST_PORT}, Listen => 16, ReuseAddr => 1) or die "listen: $!";
while (my $client = $server->accept) {
  while (defined(my $line = <$client>)) { last if $line =~ /^\\r?\\n$/ }
  open(my $clock, "<", "/proc/uptime") or die "uptime: $!";
  my ($uptime) = split " ", <$clock>;
  print $client "HTTP/1.0 200 OK\\r\\nConnection: close\\r\\n\\r\\n$boot $uptime";
  close $client;
}
`;

const UNIT = `[Unit]
Description=an answer for the benchmark
After=network.target

[Service]
ExecStart=/usr/local/bin/khop-answer

[Install]
WantedBy=multi-user.target
`;

/** Installs and starts the service: the port of the host's loopback that leads to it. */
export async function installService(machine: VirtualMachine): Promise<number> {
  await machine.copyIn(PROGRAM, '/usr/local/bin/khop-answer', 0o755);
  await machine.copyIn(UNIT, '/etc/systemd/system/khop-answer.service');
  await machine.run('systemctl daemon-reload && systemctl enable --now khop-answer.service && sync', COMMAND);
  const port = await freePort();
  await machine.qmp.executeHuman(`hostfwd_add bench tcp:127.0.0.1:${port}-:${GUEST_PORT}`);
  return port;
}

async function freePort(): Promise<number> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Waits for an answer: the boot_id of the kernel it comes from. @throws E_TIMEOUT */
export async function waitForAnswer(port: number, timeoutMs: number): Promise<string> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask(port);
    if (answer !== undefined) return answer.bootId;
    if (performance.now() > deadline) throw silent(timeoutMs);
    await sleep(POLL_MS);
  }
}

/** How long a service was away, in ms of the host. */
export interface Downtime {
  readonly downtimeMs: number;
  /** What the machine used of the host's processors meanwhile: other work on the host changes it less. */
  readonly cpuMs: number;
  /** How long the kernel that answers ran by then, by its own clock; to a hundredth of a second. */
  readonly uptimeMs: number;
}

/** Whose downtime is measured. */
export interface Watched {
  readonly port: number;
  /** Of the kernel that answers now. */
  readonly bootId: string;
  /** CPU time of the machine up to now, ms. */
  readonly readCpuMs: () => number;
}

/**
 * Asks all the time until another kernel answers: from the last answer of the old one to the first of the new.
 * @throws E_TIMEOUT
 */
export async function measureDowntime(watched: Watched, timeoutMs: number): Promise<Downtime> {
  const deadline = performance.now() + timeoutMs;
  const now = () => ({ wallMs: performance.now(), cpuMs: watched.readCpuMs() });
  let last = now();
  while (performance.now() < deadline) {
    const answer = await ask(watched.port);
    const here = now();
    if (answer?.bootId === watched.bootId) last = here;
    else if (answer !== undefined)
      return {
        downtimeMs: here.wallMs - last.wallMs,
        cpuMs: here.cpuMs - last.cpuMs,
        uptimeMs: answer.uptimeMs,
      };
    await sleep(POLL_MS);
  }
  throw silent(timeoutMs);
}

function silent(timeoutMs: number): KhopError {
  return new KhopError('E_TIMEOUT', `the service does not answer within ${timeoutMs / 1000} s`, {
    hint: 'See the console of the machine, and journalctl -u khop-answer in it.',
  });
}

interface Answer {
  readonly bootId: string;
  readonly uptimeMs: number;
}

function parseAnswer(body: string): Answer | undefined {
  const found = /^(\S+) (\d+\.\d+)$/.exec(body);
  return found === null ? undefined : { bootId: found[1]!, uptimeMs: Number(found[2]) * 1000 };
}

/** One question; no answer within two seconds is none. */
function ask(port: number): Promise<Answer | undefined> {
  const { promise, resolve } = Promise.withResolvers<Answer | undefined>();
  const request = get({ host: '127.0.0.1', port, agent: false }, (response) => {
    let body = '';
    response.setEncoding('latin1');
    response.on('data', (text: string) => {
      body += text;
    });
    response.once('end', () => resolve(parseAnswer(body)));
    response.once('error', () => resolve(undefined));
  });
  const timer = setTimeout(() => request.destroy(), ANSWER_TIMEOUT_MS);
  request.once('error', () => resolve(undefined));
  request.once('close', () => {
    clearTimeout(timer);
    resolve(undefined);
  });
  return promise;
}

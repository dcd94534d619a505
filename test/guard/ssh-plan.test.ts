import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_GUARD_SETTINGS } from '../../src/guard/guard-settings.ts';
import { planSshProgram, requireSsh } from '../../src/guard/ssh-plan.ts';
import type { GuardWorld } from '../../src/guard/world.ts';
import type { ProgramFiles } from '../../src/machine/program-files.ts';
import type { SshOrder } from '../../src/machine/ssh-program.ts';
import { quietWorld } from '../support/switch-world.ts';
import { buildTree } from '../support/tree-builder.ts';

const HOST_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHRWQ6ygPKIGgxDEEkqa6sMJScnux5x3RGQW9oca+bxg';
const ADDRESS = Uint8Array.of(192, 0, 2, 1);
const file = (name: string) => ({ name, path: `/usr/${name}`, bytes: new Uint8Array(10) });
const SSH: ProgramFiles = { program: file('ssh'), loader: file('ld.so'), libraries: [file('libc.so.6')] };

function treeWith(knownHosts: string) {
  const tree = buildTree({ key: 'secret', 'root/.ssh/known_hosts': knownHosts });
  const to = {
    kind: 'ssh',
    user: 'crash',
    host: 'backup',
    port: 2222,
    folder: '/srv/crashes',
    key: `${tree.root}/key`,
  } as const;
  const tried: (SshOrder & { readonly program: string })[] = [];
  const world = (ssh: ProgramFiles | undefined = SSH): GuardWorld =>
    ({
      ...quietWorld(tree.root),
      resolveHost: async () => ADDRESS,
      readProgramFiles: (name: string) =>
        ssh === undefined ? { state: 'absent', source: name } : { state: 'read', source: name, value: ssh },
      trySsh: async (program: string, order: SshOrder) => {
        tried.push({ ...order, program });
      },
    }) as Partial<GuardWorld> as GuardWorld;
  return { tree, to, tried, world, [Symbol.dispose]: () => tree[Symbol.dispose]() };
}

test('ssh is brought along with the key and the other machine’s, and asks nobody', () => {
  using at = treeWith(`[backup]:2222 ${HOST_KEY}\nbackup ssh-rsa OTHER\n`);
  const { program, inputs } = planSshProgram(at.world(), at.to, ADDRESS);
  const words = program.command.join(' ');
  assert.match(words, /^\/ssh\/ld\.so --library-path \/ssh \/ssh\/ssh -F none -T /);
  for (const option of ['BatchMode=yes', 'StrictHostKeyChecking=yes', 'UserKnownHostsFile=/ssh/known_hosts'])
    assert.ok(words.includes(`-o ${option}`), option);
  assert.ok(words.endsWith('-i /ssh/key -p 2222 -l crash 192.0.2.1 tar -xf - -C /srv/crashes'));
  const byName = new Map(program.files.map((each) => [each.name, each]));
  assert.equal(Buffer.from(byName.get('key')!.bytes).toString(), 'secret');
  assert.equal(byName.get('key')?.mode, 0o600);
  assert.equal(Buffer.from(byName.get('known_hosts')!.bytes).toString(), `khop-reports ${HOST_KEY}\n`);
  assert.deepEqual(inputs, ['/usr/ssh', '/usr/ld.so', '/usr/libc.so.6', at.to.key]);
});

test('without ssh, the key or a known key of the other machine it is refused, and why is said', () => {
  using at = treeWith(`backup ${HOST_KEY}\n`);
  assert.throws(() => planSshProgram(at.world(), at.to, ADDRESS), {
    code: 'E_NOT_FOUND',
    message: /no key of backup is known/,
    hint: /ssh -p 2222 backup/,
  });
  const usual = { ...at.to, port: 22 };
  assert.ok(planSshProgram(at.world(), usual, ADDRESS));
  assert.throws(
    () =>
      planSshProgram(
        { ...at.world(), readProgramFiles: (name) => ({ state: 'absent', source: name }) },
        usual,
        ADDRESS,
      ),
    {
      code: 'E_NOT_FOUND',
      hint: /openssh-client/,
    },
  );
  assert.throws(() => planSshProgram(at.world(), { ...usual, key: '/nowhere/key' }, ADDRESS), {
    code: 'E_NOT_FOUND',
  });
});

test('turning the guard on logs in once, as the panic kernel will', async () => {
  using at = treeWith(`[backup]:2222 ${HOST_KEY}\n`);
  await requireSsh(at.world(), { ...DEFAULT_GUARD_SETTINGS, to: at.to });
  const [tried] = at.tried;
  assert.equal(tried?.program, '/usr/ssh');
  assert.equal(tried.knownHosts, `khop-reports ${HOST_KEY}\n`);
  const words = tried.argumentsWith('/tmp/hosts').join(' ');
  assert.match(words, /StrictHostKeyChecking=yes .*UserKnownHostsFile=\/tmp\/hosts/);
  assert.ok(words.endsWith(`-i ${at.to.key} -p 2222 -l crash 192.0.2.1 tar -xf - -C /srv/crashes`));
  await requireSsh(at.world(), DEFAULT_GUARD_SETTINGS);
  assert.equal(at.tried.length, 1);
});

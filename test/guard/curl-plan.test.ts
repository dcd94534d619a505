import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planCurlProgram, requireHttps } from '../../src/guard/curl-plan.ts';
import { DEFAULT_GUARD_SETTINGS } from '../../src/guard/guard-settings.ts';
import type { GuardWorld } from '../../src/guard/world.ts';
import type { ProgramFiles } from '../../src/machine/program-files.ts';
import { quietWorld } from '../support/switch-world.ts';
import { buildTree } from '../support/tree-builder.ts';

const ADDRESS = Uint8Array.of(192, 0, 2, 1);
const TO = { kind: 'https', host: 'reports', port: 8443, path: '/c/', authorities: null } as const;
const DEBIAN = 'etc/ssl/certs/ca-certificates.crt';
const file = (name: string) => ({ name, path: `/usr/${name}`, bytes: new Uint8Array(10) });
const CURL: ProgramFiles = {
  program: file('curl'),
  loader: file('ld.so'),
  libraries: [file('libcurl.so.4')],
};

function treeWith(files: Readonly<Record<string, string>>) {
  const tree = buildTree(files);
  const tried: (readonly string[])[] = [];
  const world = {
    ...quietWorld(tree.root),
    resolveHost: async () => ADDRESS,
    readProgramFiles: (name: string) => ({ state: 'read', source: name, value: CURL }),
    tryCurl: async (program: string, args: readonly string[]) => {
      tried.push([program, ...args]);
    },
  } as Partial<GuardWorld> as GuardWorld;
  return { root: tree.root, tried, world, [Symbol.dispose]: () => tree[Symbol.dispose]() };
}

test('curl is brought along with the system’s certificates, and looks no name up', () => {
  using at = treeWith({ [DEBIAN]: 'certificates' });
  const { program, url, inputs } = planCurlProgram(at.world, TO, ADDRESS);
  const words = program.command.join(' ');
  assert.match(words, /^\/curl\/ld\.so --library-path \/curl \/curl\/curl -q /);
  assert.match(words, / --cacert \/curl\/authorities\.pem --resolve reports:8443:192\.0\.2\.1 --fail /);
  assert.match(words, / --upload-file \/proc\/self\/fd\/0$/);
  assert.ok(!/ (-k|--insecure)\b/.test(words));
  assert.equal(url, 'https://reports:8443/c/');
  const authorities = program.files.find(({ name }) => name === 'authorities.pem');
  assert.equal(Buffer.from(authorities!.bytes).toString(), 'certificates');
  assert.deepEqual(inputs, ['/usr/curl', '/usr/ld.so', '/usr/libcurl.so.4', `${at.root}/${DEBIAN}`]);
});

test('certificates that are named come in the place of the system’s', () => {
  using at = treeWith({ [DEBIAN]: 'certificates', 'own.pem': 'own' });
  const to = { ...TO, authorities: `${at.root}/own.pem` };
  const { program, inputs } = planCurlProgram(at.world, to, ADDRESS);
  assert.equal(Buffer.from(program.files.at(-1)!.bytes).toString(), 'own');
  assert.equal(inputs.at(-1), to.authorities);
});

test('without curl or certificates it is refused, and why is said', () => {
  using at = treeWith({});
  const isRefused = (hint: RegExp) => ({ code: 'E_NOT_FOUND', hint });
  assert.throws(() => planCurlProgram(at.world, TO, ADDRESS), isRefused(/ca-certificates.*--ca-file/));
  const lost = { ...TO, authorities: '/nowhere/ca.pem' };
  assert.throws(() => planCurlProgram(at.world, lost, ADDRESS), { code: 'E_NOT_FOUND' });
  const without: GuardWorld = {
    ...at.world,
    readProgramFiles: (name) => ({ state: 'absent', source: name }),
  };
  assert.throws(() => planCurlProgram(without, TO, ADDRESS), isRefused(/package curl/));
});

test('turning the guard on asks the server once, as the panic kernel will, and puts nothing there', async () => {
  using at = treeWith({ [DEBIAN]: 'certificates' });
  await requireHttps(at.world, { ...DEFAULT_GUARD_SETTINGS, to: TO });
  const [words] = at.tried.map((each) => each.join(' '));
  assert.match(words ?? '', /^\/usr\/curl -q .* --resolve reports:8443:192\.0\.2\.1 --head https:/);
  assert.ok(words?.includes(`--cacert ${at.root}/${DEBIAN}`) && !words.includes('--upload-file'));
  await requireHttps(at.world, DEFAULT_GUARD_SETTINGS);
  assert.equal(at.tried.length, 1);
});

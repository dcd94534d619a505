import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aptOptions, parseMirror, sourceList } from '../../src/lab/debian-suite.ts';

test('the mirror is the first Debian archive that apt names, with its security updates', () => {
  const lines = [
    'https://packages.example/other|bookworm',
    'http://mirror.example/debian/|bookworm',
    'http://mirror.example/debian/|bookworm-updates',
    'http://mirror.example/debian-security/|bookworm-security',
  ].join('\n');
  assert.deepEqual(parseMirror(lines), {
    main: 'http://mirror.example/debian/',
    security: 'http://mirror.example/debian-security/',
  });
});

test('a machine without a Debian archive has no mirror', () => {
  assert.equal(parseMirror(''), undefined);
  assert.equal(parseMirror('http://mirror.example/ubuntu/|noble\n'), undefined);
});

test('sid has no security updates, and every stanza names the keyring', () => {
  const mirror = { main: 'http://m/debian', security: 'http://m/debian-security' };
  const bookworm = sourceList('bookworm', mirror, '/k.gpg');
  assert.deepEqual(
    [...bookworm.matchAll(/^Suites: (.*)$/gm)].map(([, suite]) => suite),
    ['bookworm', 'bookworm-security'],
  );
  assert.equal([...bookworm.matchAll(/^Signed-By: \/k\.gpg$/gm)].length, 2);
  assert.doesNotMatch(sourceList('sid', mirror, undefined), /security|Signed-By/);
});

test('apt is told to use no file outside its folder and nothing unsigned', () => {
  const options = aptOptions('/cache/apt/sid').filter((option) => option !== '-o');
  assert.ok(options.includes('Acquire::AllowInsecureRepositories=false'));
  for (const option of options.filter((text) => text.startsWith('Dir::')))
    assert.match(option, /=(\/cache\/apt\/sid\/|\/dev\/null$)/);
});

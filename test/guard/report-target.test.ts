import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseReportTarget, printReportTarget } from '../../src/guard/report-target.ts';

test('places for reports are read and printed', () => {
  const cases = {
    'UUID=11111111-2222-3333-4444-555555555555:/crashes': {
      kind: 'file-system',
      uuid: '11111111-2222-3333-4444-555555555555',
      folder: '/crashes',
    },
    'UUID=ABCD-1234:/': { kind: 'file-system', uuid: 'ABCD-1234', folder: '/' },
    'raw:PARTUUID=aaaaaaaa-02': { kind: 'raw', partition: 'aaaaaaaa-02' },
    'http://10.0.2.2:8080/crashes/': { kind: 'http', host: '10.0.2.2', port: 8080, path: '/crashes/' },
    'http://logs.example.org/': { kind: 'http', host: 'logs.example.org', port: 80, path: '/' },
    'https://logs.example.org/a/': {
      kind: 'https',
      host: 'logs.example.org',
      port: 443,
      path: '/a/',
      authorities: null,
    },
    'https://10.0.2.2:8443/': { kind: 'https', host: '10.0.2.2', port: 8443, path: '/', authorities: null },
  };
  for (const [text, target] of Object.entries(cases)) {
    assert.deepEqual(parseReportTarget(text), target);
    assert.equal(printReportTarget(parseReportTarget(text)), text);
  }
  assert.deepEqual(parseReportTarget('http://h/a b'), { kind: 'http', host: 'h', port: 80, path: '/a%20b/' });
  assert.equal(printReportTarget({ kind: 'folder' }), '');
});

test('what is no place is refused', () => {
  for (const text of [
    '',
    '/var/crash',
    'UUID=xyz:/a',
    'UUID=11111111:a',
    'raw:/dev/sda3',
    'http://user:secret@host/',
    'http://host/?query',
    'http://host/#part',
    'http://',
    `http://host/${'a'.repeat(2000)}`,
    'https://user:secret@host/',
    'https://',
    'ftp://host/',
  ])
    assert.throws(() => parseReportTarget(text), { code: 'E_USAGE' }, text);
});

test('another machine is read with the key for it, and printed without', () => {
  const target = {
    kind: 'ssh',
    user: 'crash',
    host: 'backup.lab',
    port: 2222,
    folder: '/srv/x',
    key: '/k',
  } as const;
  assert.deepEqual(parseReportTarget('ssh://crash@backup.lab:2222/srv/x', { sshKey: '/k' }), target);
  assert.equal(printReportTarget(target), 'ssh://crash@backup.lab:2222/srv/x');
  assert.equal(
    printReportTarget(parseReportTarget('ssh://a@192.0.2.1/x', { sshKey: '/k' })),
    'ssh://a@192.0.2.1/x',
  );
  for (const text of [
    'ssh://host/x',
    'ssh://a@host',
    'ssh://a@host:0/x',
    'ssh://a@host:70000/x',
    'ssh://a@-oProxyCommand=x/x',
    'ssh://-l@host/x',
    'ssh://a@host/x;reboot',
    'ssh://a@host/$(reboot)',
    'ssh://a@host/x y',
  ])
    assert.throws(() => parseReportTarget(text, { sshKey: '/k' }), { code: 'E_USAGE' }, text);
  assert.throws(() => parseReportTarget('ssh://a@host/x'), { code: 'E_USAGE', hint: /--ssh-key FILE/ });
  for (const [text, files] of [
    ['http://host/', { sshKey: '/k' }],
    ['https://host/', { sshKey: '/k' }],
    ['http://host/', { authorities: '/ca' }],
    ['ssh://a@host/x', { sshKey: '/k', authorities: '/ca' }],
  ] as const)
    assert.throws(() => parseReportTarget(text, files), { code: 'E_USAGE', message: /no effect/ }, text);
});

test('a server behind TLS is read with the certificates that it is checked against', () => {
  const target = parseReportTarget('https://h/c', { authorities: '/etc/khop/ca.pem' });
  assert.deepEqual(target, {
    kind: 'https',
    host: 'h',
    port: 443,
    path: '/c/',
    authorities: '/etc/khop/ca.pem',
  });
});

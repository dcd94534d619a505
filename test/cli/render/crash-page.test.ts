import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderCrash } from '../../../src/cli/render/crash.ts';
import { renderCrashPage } from '../../../src/cli/render/crash-page.ts';
import { buildCrashReport } from '../../../src/guard/build-crash-report.ts';
import {
  GENERAL_PROTECTION_7,
  type LogEntry,
  NULL_DEREFERENCE_6_1,
  SAMPLE_LOGS,
} from '../../support/oops-log-builder.ts';
import { noFile, rawCrash, readFile } from '../../support/raw-crashes.ts';

const LIMIT = 100 * 1024;
const PLAIN = { style: (_style: string, text: string) => text };

/** What is left of a page when its markup is taken away and its entities are resolved. */
function textOf(page: string): string {
  return page
    .replace(/<style>[^]*?<\/style>/, '')
    .replaceAll(/<[^>]*>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
}

test('a page names all that a report holds', () => {
  const report = buildCrashReport(rawCrash(NULL_DEREFERENCE_6_1));
  const text = textOf(renderCrashPage(report));
  for (const fact of [
    report.summary,
    'Kernel panic - not syncing: Fatal exception',
    'proc_reg_write+0x56/0x90',
    'crasher(OE) virtio_net zfs(POE)',
    '<c7> 04 25',
    'user space of the known-good kernel',
    'dump complete',
    'came home by kexec',
    'WARNING: CPU: 0 PID: 312 at net/core/dev.c:3941',
    report.fingerprint!.id,
    report.hints[0]!.title,
  ])
    assert.ok(text.includes(fact), fact);
});

test('a page fetches nothing and runs nothing', () => {
  for (const entries of Object.values(SAMPLE_LOGS)) {
    const page = renderCrashPage(buildCrashReport(rawCrash(entries)));
    assert.doesNotMatch(page, /<script|<link|<img|<iframe|\bsrc=|\bhref=|url\(|@import|\bon\w+=/i);
    assert.match(page, /default-src 'none'/);
  }
});

test('names that try to be markup stay text, wherever they are', () => {
  const evil = `"><script>alert('1')</script>&amp;<b x="`;
  const entries = NULL_DEREFERENCE_6_1.map(
    ([level, text]): LogEntry => [
      level,
      text
        .replace('tee -a: log', evil)
        .replace('QEMU', evil)
        .replace('Fatal exception', `Fatal exception ${evil}`),
    ],
  );
  const report = buildCrashReport(
    rawCrash([...entries, [6, evil]], {
      id: evil,
      chain: readFile('chain.txt', `captured 1\ndump-skipped 2 ${evil}\n${evil}\n`),
      vmcoreinfo: readFile('vmcoreinfo.txt', `OSRELEASE=${evil}\nBUILD-ID=${evil}\n`),
    }),
  );
  const page = renderCrashPage(report);
  assert.doesNotMatch(page, /<script|<b x/);
  assert.ok(textOf(page).split(evil).length > 8, 'it is shown as it is');
  const tags = [...page.matchAll(/<\/?([a-z]+\d?)/g)].map(([, name]) => name);
  assert.equal(tags.filter((name) => name === 'span').length % 2, 0);
});

test('a page stays below 100 KB, however much a log holds', () => {
  const quotes = `"&'<>`.repeat(100);
  const huge: LogEntry[] = [
    ...Array.from(
      { length: 300 },
      (_, index): LogEntry => [4, `WARNING: CPU: 0 PID: 1 at ${index} ${quotes}`],
    ),
    ...GENERAL_PROTECTION_7.slice(0, 10),
    ...Array.from(
      { length: 900 },
      (_, index): LogEntry => [4, ` a_rather_long_name_of_a_function_${index}+0x1/0x2 [a_long_module_name]`],
    ),
    [4, `Modules linked in: ${'a_module_with_a_name(OE) '.repeat(320)}`],
    ...GENERAL_PROTECTION_7.slice(-2),
    ...Array.from({ length: 300 }, (): LogEntry => [6, quotes]),
  ];
  const chain = readFile('chain.txt', `dump-skipped 1 ${quotes}\n`.repeat(500));
  const page = renderCrashPage(buildCrashReport(rawCrash(huge, { chain })));
  assert.ok(Buffer.byteLength(page) < LIMIT, `${Buffer.byteLength(page)} bytes`);
  assert.match(page, /<\/html>$/);
});

test('a page and a text of a capture that left nothing say what is missing', () => {
  const report = buildCrashReport(
    rawCrash([], {
      dmesg: noFile('dmesg.txt'),
      chain: noFile('chain.txt'),
      vmcoreinfo: noFile('vmcoreinfo.txt'),
    }),
  );
  assert.match(textOf(renderCrashPage(report)), /Not known\s*no dmesg\.txt/);
  assert.match(renderCrash(report, PLAIN), /\nNot known\n {2}no dmesg\.txt/);
});

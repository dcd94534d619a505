import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { identifyImage } from '../../src/formats/image-kind.ts';
import { isPe } from '../../src/formats/pe.ts';
import { isUki, parseUki } from '../../src/formats/uki.ts';
import { isUkiAddon, parseUkiAddon } from '../../src/formats/uki-addon.ts';
import { unwrapImage } from '../../src/plan/unwrap-image.ts';
import { buildBzImage } from '../support/bzimage-builder.ts';
import { assertSurvivesDamage, assertSurvivesTruncation } from '../support/hostile-bytes.ts';
import { buildPe } from '../support/pe-builder.ts';

const LINUX = buildBzImage();
const UKI = buildPe({
  '.osrel': Buffer.from('PRETTY_NAME="Test 1"\n'),
  '.cmdline': Buffer.from('root=/dev/vda quiet\n\0'),
  '.uname': Buffer.from('6.12.0-test'),
  '.sbat': Buffer.from('sbat,1,SBAT Version\n'),
  '.linux': LINUX,
  '.initrd': Buffer.from('070701 main'),
  '.ucode': Buffer.from('070701 ucode'),
});

/** The example of the specification: three profiles, the first of which changes nothing. */
const PROFILES = buildPe(
  (
    [
      ['.linux', LINUX],
      ['.osrel', 'ID=test'],
      ['.cmdline', 'quiet'],
      ['.dtbauto', 'tree a'],
      ['.dtbauto', 'tree b'],
      ['.profile', 'ID=regular\nTITLE="Regular boot"\n'],
      ['.profile', "ID=factory-reset\nTITLE='Reset\x1b[2J'\n"],
      ['.cmdline', 'quiet systemd.unit=factory-reset.target'],
      ['.profile', ''],
      ['.dtbauto', 'tree c'],
    ] as const
  ).map(([name, content]) => ({
    name,
    bytes: typeof content === 'string' ? Buffer.from(content) : content,
  })),
);

const textOf = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString();

describe('parseUki', () => {
  it('gives the parts, text without its NUL and line end', () => {
    assert.equal(identifyImage(UKI), 'uki');
    const uki = parseUki(UKI);
    assert.equal(uki.commandLine, 'root=/dev/vda quiet');
    assert.equal(uki.release, '6.12.0-test');
    assert.equal(uki.osRelease, 'PRETTY_NAME="Test 1"');
    assert.equal(uki.sbat, 'sbat,1,SBAT Version');
    assert.deepEqual(Buffer.from(uki.linux), Buffer.from(LINUX));
    assert.equal(textOf(uki.initrd), '070701 main');
    assert.equal(textOf(uki.microcode), '070701 ucode');
    assert.equal(uki.deviceTree, undefined);
    assert.deepEqual(uki.profiles, []);
  });

  it('makes spaces of control characters in the command line, as systemd-stub does', () => {
    const bytes = buildPe({ '.linux': LINUX, '.cmdline': Buffer.from('a\tb\nc\0d') });
    assert.equal(parseUki(bytes).commandLine, 'a b c');
  });

  it('passes nothing on that a terminal would obey', () => {
    const bytes = buildPe({
      '.linux': LINUX,
      '.uname': Buffer.from('6.1\x1b]0;x\x07'),
      '.osrel': Buffer.from('NAME=\x1b[31mred\nID=x'),
    });
    const uki = parseUki(bytes);
    assert.equal(uki.release, '6.1?]0;x?');
    assert.equal(uki.osRelease, 'NAME=?[31mred\nID=x');
  });
});

describe('profiles of a UKI', () => {
  it('are listed with identifier and title', () => {
    assert.deepEqual(parseUki(PROFILES).profiles, [
      { index: 0, id: 'regular', title: 'Regular boot' },
      { index: 1, id: 'factory-reset', title: 'Reset?[2J' },
      { index: 2, id: undefined, title: undefined },
    ]);
  });

  it('replace sections of the base by name and share the others', () => {
    const reset = parseUki(PROFILES, 1);
    assert.equal(reset.commandLine, 'quiet systemd.unit=factory-reset.target');
    assert.equal(reset.osRelease, 'ID=test');
    assert.deepEqual(reset.automaticDeviceTrees.map(textOf), ['tree a', 'tree b']);
    assert.deepEqual(parseUki(PROFILES, 2).automaticDeviceTrees.map(textOf), ['tree c']);
  });

  it('begin with the one that starts when none is selected', () => {
    assert.equal(parseUki(PROFILES).commandLine, 'quiet');
    const bytes = buildPe({
      '.linux': LINUX,
      '.cmdline': Buffer.from('base'),
      '.profile': Buffer.from('ID=b'),
      '.initrd': Buffer.from('of profile 0'),
    });
    assert.equal(parseUki(bytes).commandLine, 'base');
    assert.equal(textOf(parseUki(bytes).initrd), 'of profile 0');
  });

  it('are refused by number when they are not there', () => {
    assert.throws(() => parseUki(PROFILES, 3), { code: 'E_NOT_FOUND', hint: /@0 to @2/ });
    assert.throws(() => parseUki(UKI, 1), { code: 'E_NOT_FOUND', hint: /not divided/ });
  });
});

describe('addons of a UKI', () => {
  const addon = buildPe(
    { '.sbat': new Uint8Array(3), '.cmdline': Buffer.from('debug\n'), '.initrd': Buffer.from('more') },
    { machine: 0xaa64 },
  );

  it('give what they add', () => {
    assert.equal(isUkiAddon(addon), true);
    const { machine, commandLine, initrds, microcode, deviceTrees } = parseUkiAddon(addon);
    assert.deepEqual([machine, commandLine, initrds.map(textOf)], [0xaa64, 'debug', ['more']]);
    assert.deepEqual([microcode, deviceTrees], [[], []]);
  });

  it('are told from images with a kernel, and from other EFI programs', () => {
    for (const bytes of [UKI, buildPe({ '.text': new Uint8Array(9) }), new Uint8Array(99)])
      assert.equal(isUkiAddon(bytes), false);
    assert.throws(() => parseUkiAddon(UKI), { code: 'E_UNSUPPORTED' });
  });
});

describe('unwrapping a UKI', () => {
  it('hands over the kernel, and the microcode before the initrd', () => {
    const unwrapped = unwrapImage({ name: 'a.efi', path: '/boot/a.efi', bytes: UKI });
    assert.equal(unwrapped.kind, 'bzimage');
    assert.equal(unwrapped.kernel.path, undefined, 'the file holds more than the kernel');
    assert.deepEqual(
      unwrapped.initrds.map((each) => each.name),
      ['.ucode of a.efi', '.initrd of a.efi'],
    );
    assert.equal(unwrapped.commandLine, 'root=/dev/vda quiet');
  });

  it('refuses an EFI program without a kernel as what it is', () => {
    const bytes = buildPe({ '.text': new Uint8Array(100) });
    assert.ok(isPe(bytes) && !isUki(bytes));
    assert.throws(
      () => unwrapImage({ name: 'shell.efi', path: undefined, bytes }),
      /EFI program without a Linux kernel/,
    );
  });
});

describe('a damaged UKI', () => {
  const unwrap = (bytes: Uint8Array) => unwrapImage({ name: 'damaged', path: undefined, bytes });

  it('is refused when it is cut short', () => {
    assertSurvivesTruncation(parseUki, UKI, UKI.length - 512, 700);
    assertSurvivesTruncation(unwrap, UKI, 0x400, 300);
  });

  it('gives an error of ours or a value', () => {
    assertSurvivesDamage((bytes) => [isUki(bytes), isUkiAddon(bytes)], PROFILES, { start: 0, end: 0x400 });
    assertSurvivesDamage(
      (bytes) => [parseUki(bytes), parseUki(bytes, 1), unwrap(bytes)],
      PROFILES,
      { start: 0, end: 0x800 },
      800,
    );
  });
});

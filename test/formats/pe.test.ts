import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isPe, PE_MACHINES, parsePe, SUBSYSTEM_EFI_APPLICATION } from '../../src/formats/pe.ts';
import { assertSurvivesDamage, assertSurvivesTruncation } from '../support/hostile-bytes.ts';
import { buildPe } from '../support/pe-builder.ts';

const TEXT = new Uint8Array(700).fill(0x90);

describe('parsePe', () => {
  it('reads machine, subsystem and sections in the order of the table', () => {
    const image = parsePe(buildPe({ '.text': TEXT, '.data': new Uint8Array(3) }, { machine: 0xaa64 }));
    assert.equal(image.machine, PE_MACHINES.arm64);
    assert.equal(image.subsystem, SUBSYSTEM_EFI_APPLICATION);
    assert.deepEqual(
      image.sections.map((section) => [section.name, section.bytes.length, section.raw]),
      [
        ['.text', 700, { offset: 0x400, size: 1024 }],
        ['.data', 3, { offset: 0x800, size: 512 }],
      ],
    );
    assert.equal(image.certificates.length, 0);
  });

  it('leaves out the padding of a section, and does not invent what is only in memory', () => {
    const sections = [
      { name: '.bss', bytes: TEXT, virtualSize: 5000 },
      { name: '.zero', bytes: TEXT, virtualSize: 0 },
    ];
    const [memory, unsized] = parsePe(buildPe(sections)).sections;
    assert.deepEqual([memory?.bytes.length, memory?.virtualSize], [1024, 5000]);
    assert.deepEqual([unsized?.bytes.length, unsized?.virtualSize], [1024, 1024]);
  });

  it('does not look where a section without bytes points to', () => {
    const bytes = buildPe([{ name: '.bss', bytes: new Uint8Array(0), virtualSize: 64 }]);
    new DataView(bytes.buffer).setUint32(0x98 + 240 + 20, 0xffff_ffff, true);
    assert.equal(parsePe(bytes).sections[0]?.bytes.length, 0);
  });

  it('reads hundreds of sections, as images with a device tree for every machine have them', () => {
    const sections = Array.from({ length: 300 }, () => ({ name: '.dtbauto', bytes: new Uint8Array(4) }));
    assert.equal(parsePe(buildPe(sections)).sections.length, 300);
  });

  it('gives the certificate table, wherever in the file it is', () => {
    const certificates = new Uint8Array(24).fill(7);
    assert.deepEqual(parsePe(buildPe({ '.text': TEXT }, { certificates })).certificates, certificates);
  });

  it('has no certificates where there is no data directory for them', () => {
    const bytes = buildPe({ '.text': TEXT }, { certificates: new Uint8Array(24) });
    new DataView(bytes.buffer).setUint32(0x98 + 108, 4, true);
    const image = parsePe(bytes);
    assert.equal(image.certificates.length, 0);
    assert.equal(image.layout.certificateDirectoryOffset, undefined);
  });
});

describe('parsePe refuses', () => {
  const bytes = buildPe({ '.text': TEXT }, { certificates: new Uint8Array(16) });

  it('a section or a certificate table outside the file', () => {
    const text = bytes.slice();
    new DataView(text.buffer).setUint32(0x98 + 240 + 20, 0x7fff_ffff, true);
    assert.throws(() => parsePe(text), { code: 'E_FORMAT', message: /section \.text/ });
    assert.throws(() => parsePe(bytes.subarray(0, bytes.length - 1)), {
      code: 'E_FORMAT',
      message: /certificate table/,
    });
  });

  it('an optional header of another kind', () => {
    const rom = bytes.slice();
    rom[0x98] = 7;
    assert.throws(() => parsePe(rom), { code: 'E_FORMAT', message: /0x207/ });
  });

  it('every prefix', () => {
    assertSurvivesTruncation(parsePe, bytes, bytes.length);
    assert.equal(isPe(bytes.subarray(0, 0x90)), false);
  });

  it('damage to its headers with an error of its own, or gives a value', () => {
    assertSurvivesDamage(parsePe, bytes, { start: 0, end: 0x1c0 }, 3000);
  });
});

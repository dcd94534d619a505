import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseScreenInfo, VIDEO_TYPES, withoutOldCommandLine } from '../../src/formats/screen-info.ts';
import { assertSurvivesDamage, assertSurvivesTruncation } from '../support/hostile-bytes.ts';

/** A framebuffer of 1024 x 768 at 0x8_8000_0000, with what an old boot loader left at 0x20. */
function buildScreenInfo(videoType: number, capabilities: number): Uint8Array {
  const bytes = new Uint8Array(64);
  const view = new DataView(bytes.buffer);
  bytes[0x0f] = videoType;
  view.setUint16(0x12, 1024, true);
  view.setUint16(0x14, 768, true);
  view.setUint16(0x16, 32, true);
  view.setUint32(0x18, 0x8000_0000, true);
  view.setUint32(0x1c, 48, true);
  view.setUint32(0x20, 0x9000_a33f, true);
  view.setUint16(0x24, 4096, true);
  view.setUint32(0x36, capabilities, true);
  view.setUint32(0x3a, 8, true);
  return bytes;
}

describe('parseScreenInfo', () => {
  it('reads a framebuffer above 4 GiB when the capability says that the address has an upper half', () => {
    assert.deepEqual(parseScreenInfo(buildScreenInfo(VIDEO_TYPES.efiFramebuffer, 2)), {
      videoType: VIDEO_TYPES.efiFramebuffer,
      framebuffer: {
        base: 0x8_8000_0000n,
        size: 48n,
        width: 1024,
        height: 768,
        bitsPerPixel: 32,
        bytesPerLine: 4096,
      },
    });
  });

  it('does not trust the upper half without the capability', () => {
    const { framebuffer } = parseScreenInfo(buildScreenInfo(VIDEO_TYPES.efiFramebuffer, 0));
    assert.equal(framebuffer?.base, 0x8000_0000n);
  });

  it('counts VESA memory in units of 64 KiB', () => {
    const { framebuffer } = parseScreenInfo(buildScreenInfo(VIDEO_TYPES.vesaFramebuffer, 0));
    assert.equal(framebuffer?.size, 48n * 0x1_0000n);
  });

  it('sees no framebuffer in a text screen, or where there is no screen', () => {
    for (const type of [VIDEO_TYPES.none, VIDEO_TYPES.vgaText])
      assert.equal(parseScreenInfo(buildScreenInfo(type, 0)).framebuffer, undefined);
  });

  it('survives truncation and damage', () => {
    const bytes = buildScreenInfo(VIDEO_TYPES.efiFramebuffer, 2);
    assertSurvivesTruncation(parseScreenInfo, bytes, 64);
    assertSurvivesDamage(parseScreenInfo, bytes, undefined, 300);
  });
});

describe('withoutOldCommandLine', () => {
  it('clears cl_magic and cl_offset of a copy, and nothing else', () => {
    const bytes = buildScreenInfo(VIDEO_TYPES.efiFramebuffer, 2);
    const cleaned = withoutOldCommandLine(bytes);
    const expected = bytes.slice();
    expected.set([0, 0, 0, 0], 0x20);
    assert.deepEqual(cleaned, expected);
    assert.notDeepEqual(cleaned, bytes);
  });

  it('leaves a Buffer, whose slice would be a view, as it was', () => {
    const bytes = Buffer.from(buildScreenInfo(VIDEO_TYPES.efiFramebuffer, 2));
    const before = Buffer.from(bytes);
    withoutOldCommandLine(bytes);
    assert.deepEqual(bytes, before);
  });
});

/**
 * Builds small Portable Executables with named sections.
 * @module
 */

const HEADER_END = 0x400;
const OPTIONAL_SIZE = 240;

/** A PE32+ for x86-64 with these sections, each padded to 512 bytes in the file. */
export function buildPe(sections: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const names = Object.keys(sections);
  const padded = (length: number) => Math.ceil(length / 512) * 512;
  const size = HEADER_END + names.reduce((sum, name) => sum + padded(sections[name]!.length), 0);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  bytes.set(Buffer.from('MZ'), 0);
  view.setUint32(0x3c, 0x80, true);
  bytes.set(Buffer.from('PE\0\0'), 0x80);
  view.setUint16(0x84, 0x8664, true);
  view.setUint16(0x86, names.length, true);
  view.setUint16(0x94, OPTIONAL_SIZE, true);
  view.setUint16(0x98, 0x20b, true);
  view.setUint32(0x98 + 108, 16, true);
  let data = HEADER_END;
  for (const [index, name] of names.entries()) {
    const at = 0x98 + OPTIONAL_SIZE + index * 40;
    const content = sections[name]!;
    bytes.set(Buffer.from(name.slice(0, 8)), at);
    view.setUint32(at + 8, content.length, true);
    view.setUint32(at + 16, padded(content.length), true);
    view.setUint32(at + 20, data, true);
    bytes.set(content, data);
    data += padded(content.length);
  }
  return bytes;
}

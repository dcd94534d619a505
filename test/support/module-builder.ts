/**
 * Kernel modules as the build makes them: a relocatable ELF file with .modinfo, and a signature behind it.
 * @module
 */
import { ELF_TYPES } from '../../src/formats/elf.ts';
import { buildElf } from './elf-writer.ts';

type Values = Readonly<Record<string, string | readonly string[]>>;

/** `key=value` strings; a key with several values is written several times. */
export function buildModule(modinfo: Values): Uint8Array {
  const strings = Object.entries(modinfo).flatMap(([key, values]) =>
    [values].flat().map((value) => `${key}=${value}\0`),
  );
  const bytes = Buffer.from(strings.join('\0\0'));
  return buildElf({
    type: ELF_TYPES.relocatable,
    sections: [
      { name: '.text', bytes: new Uint8Array(16) },
      { name: '.modinfo', bytes },
    ],
  });
}

/** `module` with a PKCS#7 signature behind it. */
export function signModule(module: Uint8Array, signature: Uint8Array): Uint8Array {
  const header = Buffer.alloc(12);
  header[2] = 2;
  header.writeUInt32BE(signature.length, 8);
  return new Uint8Array(
    Buffer.concat([module, signature, header, Buffer.from('~Module signature appended~\n')]),
  );
}

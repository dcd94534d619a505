/**
 * BTF of a few structures, Documentation/bpf/btf.rst.
 * @module
 */

/** A structure: members by name with their offset in bytes, and what they are of. */
export interface StructureSpec {
  /** Empty for one without a name. */
  readonly name: string;
  readonly size: number;
  readonly members: readonly {
    readonly name: string;
    readonly offset: number;
    /** Index of another structure in the list; a number of 8 bytes when left out. */
    readonly structure?: number;
    /** An array of that structure. */
    readonly isArray?: boolean;
  }[];
}

/** Types 1 to 4 are int, const int, an enum and a function's prototype, so that a reader has to step over them. */
export function encodeBtf(structures: readonly StructureSpec[]): Uint8Array {
  let strings = '\0';
  const name = (text: string) => {
    if (text === '') return 0;
    const at = strings.length;
    strings += `${text}\0`;
    return at;
  };
  const words: number[] = [];
  const type = (nameAt: number, kind: number, count: number, size: number, ...more: readonly number[]) =>
    words.push(nameAt, (kind << 24) | count, size, ...more);
  type(name('long'), 1, 0, 8, 64);
  type(0, 10, 0, 1);
  type(name('state'), 6, 2, 4, name('A'), 0, name('B'), 1);
  type(0, 13, 1, 0, 0, 1);
  const first = 5;
  const arrays = structures.flatMap(({ members }) =>
    members.filter(({ isArray }) => isArray).map(({ structure }) => structure!),
  );
  const arrayType = (structure: number) => first + structures.length + arrays.indexOf(structure);
  for (const { name: text, size, members } of structures)
    type(
      name(text),
      4,
      members.length,
      size,
      ...members.flatMap(({ name: member, offset, structure, isArray }) => [
        name(member),
        structure === undefined ? 1 : isArray ? arrayType(structure) : first + structure,
        offset * 8,
      ]),
    );
  for (const structure of arrays) type(0, 3, 0, 0, first + structure, 1, 7);
  const types = Buffer.from(Uint32Array.from(words).buffer);
  const header = Buffer.alloc(24);
  header.writeUInt16LE(0xeb9f, 0);
  header[2] = 1;
  header.writeUInt32LE(24, 4);
  header.writeUInt32LE(types.length, 12);
  header.writeUInt32LE(types.length, 16);
  header.writeUInt32LE(strings.length, 20);
  return Buffer.concat([header, types, Buffer.from(strings, 'latin1')]);
}

/**
 * Builds small tar archives and Debian packages.
 * @module
 */

/** A member: text or bytes of a file, where a link leads, or a folder. */
export type TarNode = string | Uint8Array | { readonly link: string } | { readonly folder: true };

function header(name: string, type: string, size: number, link = ''): Uint8Array {
  const block = new Uint8Array(512);
  const put = (offset: number, text: string) => block.set(Buffer.from(text), offset);
  put(0, name);
  put(100, '0000644\0');
  put(124, `${size.toString(8).padStart(11, '0')}\0`);
  put(148, '        ');
  put(156, type);
  put(157, link);
  put(257, 'ustar\x0000');
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(148, `${sum.toString(8).padStart(6, '0')}\0 `);
  return block;
}

function padded(bytes: Uint8Array): Uint8Array {
  const block = new Uint8Array(Math.ceil(bytes.length / 512) * 512);
  block.set(bytes);
  return block;
}

/** Members in the order of the record; names above 100 characters in GNU's way. */
export function buildTar(members: Readonly<Record<string, TarNode>>): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (const [name, node] of Object.entries(members)) {
    if (name.length > 100) {
      const long = Buffer.from(`${name}\0`);
      blocks.push(header('././@LongLink', 'L', long.length), padded(long));
    }
    const short = name.slice(0, 100);
    if (typeof node === 'string' || node instanceof Uint8Array) {
      const bytes = typeof node === 'string' ? Buffer.from(node) : node;
      blocks.push(header(short, '0', bytes.length), padded(bytes));
    } else blocks.push('link' in node ? header(short, '2', 0, node.link) : header(short, '5', 0));
  }
  return new Uint8Array(Buffer.concat([...blocks, new Uint8Array(1024)]));
}

/**
 * An ar archive of debian-binary, a control.tar with the text of `control`, and `data` under the name of its
 * compression.
 */
export function buildDeb(data: Uint8Array, dataName = 'data.tar', control = 'Package: test\n'): Uint8Array {
  const members: readonly (readonly [string, Uint8Array])[] = [
    ['debian-binary', Buffer.from('2.0\n')],
    ['control.tar', buildTar({ './control': control })],
    [dataName, data],
  ];
  const parts = members.flatMap(([name, bytes]) => [
    Buffer.from(
      `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100644'.padEnd(8)}${String(bytes.length).padEnd(10)}\`\n`,
    ),
    bytes,
    Buffer.alloc(bytes.length % 2, '\n'),
  ]);
  return new Uint8Array(Buffer.concat([Buffer.from('!<arch>\n'), ...parts]));
}

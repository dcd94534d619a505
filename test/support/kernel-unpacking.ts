/**
 * What the kernel makes of an initramfs: a model of init/initramfs.c on the headers themselves, entry by entry
 * (do_name(), do_copy(), do_symlink(), maybe_link(), clean_path()), with files that have several names, files
 * that are written through them, and links in the middle of a path. One thing is simpler: targets of links
 * are taken from the root.
 * @module
 */
const FILE_TYPE = 0o170000;
const FILE = 0o100000;
const FOLDER = 0o040000;
const SYMLINK = 0o120000;
const LINK_LIMIT = 8;

interface Header {
  readonly inode: number;
  readonly mode: number;
  readonly owner: string;
  readonly linkCount: number;
  readonly modifiedAt: number;
  readonly device: string;
  readonly name: string;
  readonly body: Buffer;
}

function readHeaders(archive: Uint8Array): Header[] {
  const bytes = Buffer.from(archive);
  const headers: Header[] = [];
  for (let at = 0; ; ) {
    const field = (index: number) =>
      Number.parseInt(bytes.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16);
    const nameEnd = at + 110 + field(11);
    const dataAt = (nameEnd + 3) & ~3;
    const name = bytes.toString('utf8', at + 110, nameEnd - 1);
    if (name === 'TRAILER!!!') return headers;
    headers.push({
      inode: field(0),
      mode: field(1),
      owner: `${field(2)}:${field(3)}`,
      linkCount: field(4),
      modifiedAt: field(5),
      device: `${field(9)}:${field(10)}`,
      name,
      body: bytes.subarray(dataAt, dataAt + field(6)),
    });
    at = (dataAt + field(6) + 3) & ~3;
  }
}

interface Inode {
  mode: number;
  owner: string;
  modifiedAt: number;
  content: string;
  readonly children: Map<string, Inode> | undefined;
}

function create({ mode, owner, modifiedAt }: Header, content: string): Inode {
  const children = (mode & FILE_TYPE) === FOLDER ? new Map<string, Inode>() : undefined;
  return { mode, owner, modifiedAt, content, children };
}

/** chown, chmod and utime: the type stays. */
function change(inode: Inode, { mode, owner, modifiedAt }: Header): void {
  inode.mode = (inode.mode & FILE_TYPE) | (mode & ~FILE_TYPE);
  inode.owner = owner;
  inode.modifiedAt = modifiedAt;
}

/** The tree that the archives give, one line a name: names of one file have the same number. */
export function unpackAsKernel(archives: readonly Uint8Array[]): readonly string[] {
  const root: Inode = { mode: FOLDER | 0o755, owner: '0:0', modifiedAt: 0, content: '', children: new Map() };
  const folderTimes = new Map<Inode, number>();
  for (const archive of archives) {
    // free_hash(): hard links are forgotten with the archive.
    const seen = new Map<string, string>();
    for (const header of readHeaders(archive)) placeEntry(root, header, seen, folderTimes);
  }
  // dir_utime() goes from the last to the first, when all is unpacked.
  for (const [folder, time] of folderTimes) folder.modifiedAt = time;
  return describe(root);
}

function placeEntry(
  root: Inode,
  header: Header,
  seen: Map<string, string>,
  folderTimes: Map<Inode, number>,
): void {
  const parts = header.name.split('/');
  const name = parts.pop()!;
  const parent = lookUp(root, parts.join('/'))?.children;
  if (parent === undefined) return;
  const kind = header.mode & FILE_TYPE;
  clean(parent, name, kind === SYMLINK ? 0 : kind);
  if (kind === FILE) {
    writeFile(root, header, { parent, name }, seen);
    return;
  }
  const known = parent.get(name);
  const content = kind === SYMLINK ? header.body.toString('base64') : kind === FOLDER ? '' : header.device;
  const inode = known ?? create(header, content);
  parent.set(name, inode);
  change(inode, header);
  if (kind === FOLDER && !folderTimes.has(inode)) folderTimes.set(inode, header.modifiedAt);
}

function writeFile(
  root: Inode,
  header: Header,
  { parent, name }: { parent: Map<string, Inode>; name: string },
  seen: Map<string, string>,
): void {
  const key = `${header.inode}`;
  const first = header.linkCount >= 2 ? seen.get(key) : undefined;
  if (header.linkCount >= 2 && first === undefined) seen.set(key, header.name);
  if (first !== undefined) {
    clean(parent, name, 0);
    const target = lookUp(root, first);
    if (target === undefined || target.children !== undefined || parent.has(name)) return;
    parent.set(name, target);
  }
  const file = parent.get(name) ?? create(header, '');
  if (file.children !== undefined) return;
  parent.set(name, file);
  change(file, header);
  // A later name of the same file is opened without O_TRUNC, and cut only when it brings data.
  if (first === undefined || header.body.length > 0) file.content = header.body.toString('base64');
}

/** Removes what is of another type; a folder with something in it stays. */
function clean(parent: Map<string, Inode>, name: string, kind: number): void {
  const known = parent.get(name);
  if (known === undefined || (known.mode & FILE_TYPE) === kind || (known.children?.size ?? 0) > 0) return;
  parent.delete(name);
}

function lookUp(root: Inode, path: string, links = 0): Inode | undefined {
  let current: Inode | undefined = root;
  for (const part of path.split('/').filter((one) => one !== '')) {
    current = current?.children?.get(part);
    if (current === undefined || (current.mode & FILE_TYPE) !== SYMLINK) continue;
    if (links === LINK_LIMIT) return undefined;
    current = lookUp(root, Buffer.from(current.content, 'base64').toString('utf8'), links + 1);
  }
  return current;
}

function describe(root: Inode): readonly string[] {
  const numbers = new Map<Inode, number>();
  const lines: string[] = [];
  const walk = (inode: Inode, path: string): void => {
    if (!numbers.has(inode)) numbers.set(inode, numbers.size);
    const { mode, owner, modifiedAt, content } = inode;
    lines.push([path, numbers.get(inode), mode.toString(8), owner, modifiedAt, content].join(' '));
    for (const [name, child] of [...(inode.children ?? [])].toSorted(([a], [b]) => (a < b ? -1 : 1)))
      walk(child, `${path}/${name}`);
  };
  walk(root, '');
  return lines;
}

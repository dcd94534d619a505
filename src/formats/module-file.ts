/**
 * Kernel modules (.ko): what .modinfo says of them, and the signature behind them.
 * include/linux/moduleparam.h and module.h (MODULE_INFO); Documentation/admin-guide/module-signing.rst and
 * include/linux/module_signature.h for the trailer:
 *
 *     module | signature | algo 1 | hash 1 | id_type 1 | signer_len 1 | key_id_len 1 | 3 | sig_len 4, big-endian
 *     | "~Module signature appended~\n"
 * @module
 */
import { ByteReader } from './byte-reader.ts';
import { parseElf } from './elf.ts';
import { findElfSection } from './elf-sections.ts';

/** What .modinfo says. Names of modules have underscores, never dashes. */
export interface ModuleInfo {
  readonly name: string;
  /** Modules that have to be there before this one. */
  readonly depends: readonly string[];
  /** Modules that should be there before this one, where they exist. */
  readonly softDependsBefore: readonly string[];
  /** Modules that should come after this one, where they exist. */
  readonly softDependsAfter: readonly string[];
  /** Patterns of devices and of names under which the kernel asks for it. */
  readonly aliases: readonly string[];
  /** Files below /lib/firmware that it may ask for; some are patterns. */
  readonly firmware: readonly string[];
  /** `6.12.57+deb13-amd64 SMP preempt mod_unload modversions `: has to be the kernel's own. */
  readonly versionMagic: string | undefined;
}

/** The signature behind a module. */
export interface ModuleSignature {
  /** 2 is PKCS#7; the kernel takes no other since 4.3. */
  readonly idType: number;
  readonly bytes: Uint8Array;
}

export interface ModuleFile {
  readonly info: ModuleInfo;
  readonly signature: ModuleSignature | undefined;
}

const SIGNATURE_MARK = Buffer.from('~Module signature appended~\n');
const SIGNATURE_HEADER_SIZE = 12;

/** @param bytes the module itself, not packed. @throws E_FORMAT, E_UNSUPPORTED for a 32-bit module */
export function parseModule(bytes: Uint8Array): ModuleFile {
  const reader = new ByteReader(bytes, 'kernel module');
  const section = findElfSection(parseElf(bytes), '.modinfo');
  if (section === undefined) return reader.fail('.modinfo', 0, 'there is none');
  const values = parseModinfo(section.bytes);
  const name = values.get('name')?.[0] ?? reader.fail('.modinfo', 0, 'does not say the name of the module');
  return { info: describe(name, values), signature: readSignature(reader) };
}

/** Strings of `key=value`, each with its NUL; compilers put more of them between for alignment. */
function parseModinfo(section: Uint8Array): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (const text of Buffer.from(section).toString('utf8').split('\0')) {
    const equals = text.indexOf('=');
    if (equals < 1) continue;
    const key = text.slice(0, equals);
    const known = values.get(key) ?? [];
    known.push(text.slice(equals + 1));
    values.set(key, known);
  }
  return values;
}

function describe(name: string, values: ReadonlyMap<string, readonly string[]>): ModuleInfo {
  const depends = (values.get('depends') ?? []).flatMap((list) => list.split(','));
  const soft = (values.get('softdep') ?? []).map(parseSoftDependency);
  return {
    name: moduleName(name),
    depends: depends.filter((one) => one !== '').map(moduleName),
    softDependsBefore: soft.flatMap(({ before }) => before),
    softDependsAfter: soft.flatMap(({ after }) => after),
    aliases: values.get('alias') ?? [],
    firmware: values.get('firmware') ?? [],
    versionMagic: values.get('vermagic')?.[0],
  };
}

/** modprobe.d(5), softdep: `pre: a b post: c`; before the first keyword there is nothing to say. */
export function parseSoftDependency(text: string): { before: string[]; after: string[] } {
  const lists = { 'pre:': [] as string[], 'post:': [] as string[] };
  let list: string[] = [];
  for (const word of text.split(/\s+/).filter((one) => one !== ''))
    if (word === 'pre:' || word === 'post:') list = lists[word];
    else list.push(moduleName(word));
  return { before: lists['pre:'], after: lists['post:'] };
}

function readSignature(reader: ByteReader): ModuleSignature | undefined {
  const markOffset = reader.length - SIGNATURE_MARK.length;
  if (markOffset < 0 || !SIGNATURE_MARK.equals(reader.bytes.subarray(markOffset))) return undefined;
  const header = markOffset - SIGNATURE_HEADER_SIZE;
  const size = reader.u32be(header + 8, 'sig_len');
  return {
    idType: reader.u8(header + 2, 'id_type'),
    bytes: reader.slice(header - size, size, 'module signature'),
  };
}

/** `/lib/modules/6.1/kernel/drivers/block/virtio-blk.ko.xz`, `virtio-blk` and `virtio_blk` are one module. */
export function moduleName(nameOrPath: string): string {
  return nameOrPath
    .slice(nameOrPath.lastIndexOf('/') + 1)
    .replace(/\.ko(\.(xz|zst|gz))?$/, '')
    .replaceAll('-', '_');
}

/**
 * The device tree that a new arm64 kernel gets: the machine's own, or one the person gave, with /chosen made
 * anew. The rules are those of drivers/of/kexec.c, of_kexec_alloc_and_setup_fdt(): whatever belonged to the
 * boot before goes, whatever belongs to the coming one is put in. linux,uefi-* stays: a kernel of an ACPI
 * machine finds everything else through it.
 * @module
 */
import {
  cellCounts,
  type DeviceTree,
  type DeviceTreeNode,
  findNode,
  propertyInteger,
  regOfRanges,
  stringProperty,
  u64Property,
  updateNode,
  withoutProperties,
  withProperty,
} from '../../formats/device-tree.ts';
import { encodeFdt, parseFdt } from '../../formats/fdt.ts';
import { type Range, rangeSize } from '../../formats/range.ts';

/** What the coming boot puts in. */
export interface ChosenValues {
  readonly commandLine: string;
  readonly initrd: Range | undefined;
  /** At least 136 random bytes: the first 8 place the kernel (KASLR), 128 feed its random numbers. */
  readonly entropy: Uint8Array;
  readonly crash: { readonly elfcorehdr: Range; readonly usable: readonly Range[] } | undefined;
}

const KASLR_SEED_SIZE = 8;
const RNG_SEED_SIZE = 128;

/** Properties of /chosen that belong to one boot. */
const ONE_BOOT_PROPERTIES = [
  'bootargs',
  'linux,initrd-start',
  'linux,initrd-end',
  'linux,elfcorehdr',
  'linux,usable-memory-range',
  'linux,ima-kexec-buffer',
  'linux,kho-fdt',
  'linux,kho-scratch',
  'kaslr-seed',
  'rng-seed',
  'linux,booted-from-kexec',
];

/**
 * @param source a device tree blob
 * @throws E_FORMAT for a blob that is none, E_UNSUPPORTED when addresses do not fit into its cells
 */
export function chosenDeviceTree(source: Uint8Array, values: ChosenValues): Uint8Array {
  const tree = parseFdt(source);
  const old = findNode(tree.root, '/chosen');
  const root = updateNode(tree.root, '/chosen', (chosen) => withChosen(chosen, tree.root, values));
  const kept = withoutOldInitrd(tree, old);
  const added = [values.initrd, values.crash?.elfcorehdr].filter((range) => range !== undefined);
  const reservations = [...kept, ...added.map((range) => ({ address: range.start, size: rangeSize(range) }))];
  return encodeFdt({ ...tree, reservations, root });
}

function withChosen(chosen: DeviceTreeNode, root: DeviceTreeNode, values: ChosenValues): DeviceTreeNode {
  const { commandLine, initrd, entropy, crash } = values;
  const added: [string, Uint8Array][] = [['bootargs', stringProperty(commandLine)]];
  if (initrd !== undefined) {
    added.push(['linux,initrd-start', u64Property(initrd.start)]);
    added.push(['linux,initrd-end', u64Property(initrd.end)]);
  }
  if (crash !== undefined) {
    const counts = cellCounts(root);
    added.push(['linux,elfcorehdr', regOfRanges([crash.elfcorehdr], counts)]);
    added.push(['linux,usable-memory-range', regOfRanges(crash.usable, counts)]);
  }
  added.push(['kaslr-seed', entropy.slice(0, KASLR_SEED_SIZE)]);
  added.push(['rng-seed', entropy.slice(KASLR_SEED_SIZE, KASLR_SEED_SIZE + RNG_SEED_SIZE)]);
  added.push(['linux,booted-from-kexec', new Uint8Array(0)]);
  return added.reduce(
    (node, [name, value]) => withProperty(node, name, value),
    withoutProperties(chosen, ONE_BOOT_PROPERTIES),
  );
}

/**
 * The boot before reserved its initrd; that memory is free now. Its device tree may have a reservation, too,
 * but nothing says where that lay: keeping it costs the new kernel some pages.
 */
function withoutOldInitrd(tree: DeviceTree, chosen: DeviceTreeNode | undefined) {
  const start = chosen === undefined ? undefined : propertyInteger(chosen, 'linux,initrd-start');
  const end = chosen === undefined ? undefined : propertyInteger(chosen, 'linux,initrd-end');
  if (start === undefined || end === undefined) return tree.reservations;
  return tree.reservations.filter(({ address, size }) => address !== start || size !== end - start);
}

/**
 * FIT, U-Boot's flattened image tree: kernels, device trees and ramdisks in one device tree blob, and
 * configurations that say which go together.
 * Specification: Flat Image Tree 1.0, chapter 2 "Source File Format"; u-boot doc/usage/fit/source_file_format.rst.
 * @module
 */
import { ByteReader } from './byte-reader.ts';
import {
  type DeviceTreeNode,
  findNode,
  propertyInteger,
  propertyStrings,
  propertyText,
  propertyValue,
} from './device-tree.ts';
import { isFdt, parseFdt } from './fdt.ts';
import { printableText } from './printable-text.ts';

/** One checksum of an image; `fit-hash.ts` compares it. */
export interface FitHash {
  /** `crc32`, `md5`, `sha1`, `sha256`, ... */
  readonly algorithm: string;
  readonly value: Uint8Array;
}

/** One node below /images. */
export interface FitImage {
  /** How configurations call it. */
  readonly name: string;
  readonly description: string;
  /** `kernel`, `ramdisk`, `flat_dt`, ... */
  readonly type: string;
  readonly architecture: string;
  readonly operatingSystem: string;
  /** `none`, `gzip`, `lzma`, `zstd`, ... */
  readonly compression: string;
  /** Physical; undefined when the image may lie anywhere. */
  readonly loadAddress: bigint | undefined;
  readonly entryAddress: bigint | undefined;
  /** Still compressed, a view of the input. */
  readonly bytes: Uint8Array;
  readonly hashes: readonly FitHash[];
}

/** One node below /configurations: names of images. */
export interface FitConfiguration {
  readonly name: string;
  readonly description: string;
  readonly kernel: string | undefined;
  readonly ramdisk: string | undefined;
  /** The device tree, then overlays for it. */
  readonly deviceTrees: readonly string[];
  readonly loadables: readonly string[];
  /** Machines it is for. */
  readonly compatible: readonly string[];
}

/** A parsed FIT. */
export interface Fit {
  readonly description: string;
  readonly images: readonly FitImage[];
  readonly configurations: readonly FitConfiguration[];
  /** Name of the configuration to take when none is asked for. */
  readonly defaultConfiguration: string | undefined;
}

/** A device tree that has /images. */
export function isFit(bytes: Uint8Array): boolean {
  // Names are in the strings and structure blocks as they are: enough to tell, without reading hostile trees.
  return (
    isFdt(bytes) && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes('\0\0\0\x01images\0')
  );
}

/** @throws E_FORMAT for a damaged tree, or an image without data or with data outside the file */
export function parseFit(bytes: Uint8Array): Fit {
  const reader = new ByteReader(bytes, 'FIT');
  const { root } = parseFdt(bytes);
  const images = findNode(root, '/images');
  if (images === undefined) return reader.fail('/images', 0, 'is missing');
  const configurations = findNode(root, '/configurations');
  return {
    description: describe(root),
    images: images.children.map((node) => readImage(reader, node)),
    configurations: configurations?.children.map(readConfiguration) ?? [],
    defaultConfiguration: configurations === undefined ? undefined : textOf(configurations, 'default'),
  };
}

/** The image of that name. @throws E_FORMAT when a configuration names one that is not there */
export function fitImage(fit: Fit, name: string): FitImage {
  const image = fit.images.find((each) => each.name === name);
  return (
    image ?? new ByteReader(new Uint8Array(0), 'FIT').fail(`image ${name}`, 0, 'is named, but not there')
  );
}

function readImage(reader: ByteReader, node: DeviceTreeNode): FitImage {
  return {
    name: printableText(node.name),
    description: describe(node),
    type: textOf(node, 'type') ?? 'unknown',
    architecture: textOf(node, 'arch') ?? 'unknown',
    operatingSystem: textOf(node, 'os') ?? 'unknown',
    compression: textOf(node, 'compression') ?? 'none',
    loadAddress: propertyInteger(node, 'load'),
    entryAddress: propertyInteger(node, 'entry'),
    bytes: propertyValue(node, 'data') ?? readExternalData(reader, node),
    hashes: node.children.filter((child) => /^hash(-|@|$)/.test(child.name)).map(readHash),
  };
}

/** data-position counts from the start of the file, data-offset from the end of the tree, rounded up to 4. */
function readExternalData(reader: ByteReader, node: DeviceTreeNode): Uint8Array {
  const size = propertyInteger(node, 'data-size');
  const position = propertyInteger(node, 'data-position');
  const offset = propertyInteger(node, 'data-offset');
  const name = printableText(node.name);
  if (size === undefined || (position === undefined && offset === undefined))
    return reader.fail(`image ${name}`, 0, 'has no data');
  const treeEnd = Math.ceil(reader.u32be(4, 'totalsize') / 4) * 4;
  const start = position ?? BigInt(treeEnd) + (offset ?? 0n);
  if (start + size > BigInt(reader.length))
    return reader.fail(`image ${name}`, start, 'has its data outside the file');
  return reader.slice(Number(start), Number(size), `image ${name}`);
}

function readHash(node: DeviceTreeNode): FitHash {
  return {
    algorithm: textOf(node, 'algo') ?? 'unknown',
    value: propertyValue(node, 'value') ?? new Uint8Array(0),
  };
}

function readConfiguration(node: DeviceTreeNode): FitConfiguration {
  const listOf = (name: string) => propertyStrings(node, name)?.map(printableText) ?? [];
  return {
    name: printableText(node.name),
    description: describe(node),
    kernel: textOf(node, 'kernel'),
    ramdisk: textOf(node, 'ramdisk'),
    deviceTrees: listOf('fdt'),
    loadables: listOf('loadables'),
    compatible: listOf('compatible'),
  };
}

function describe(node: DeviceTreeNode): string {
  return textOf(node, 'description') ?? '';
}

function textOf(node: DeviceTreeNode, name: string): string | undefined {
  const text = propertyText(node, name);
  return text === undefined ? undefined : printableText(text);
}

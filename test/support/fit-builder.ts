/**
 * Builds flattened image trees (FIT).
 * @module
 */
import { createHash } from 'node:crypto';
import {
  type DeviceTreeNode,
  type DeviceTreeProperty,
  stringProperty,
  u32Property,
} from '../../src/formats/device-tree.ts';
import { encodeFdt } from '../../src/formats/fdt.ts';

/** One image; hashed with sha256. */
export interface FitImageSpec {
  readonly name: string;
  readonly type: string;
  readonly compression?: string;
  readonly load?: number;
  readonly bytes: Uint8Array;
}

/** One configuration: property name -> names of images. */
export interface FitConfigurationSpec {
  readonly name: string;
  readonly parts: Readonly<Record<string, readonly string[]>>;
}

/** What a FIT is built from; the first configuration is the default. */
export interface FitSpec {
  readonly images: readonly FitImageSpec[];
  readonly configurations: readonly FitConfigurationSpec[];
  /** Where the data are: inside the tree, or after it by offset (`mkimage -E`) or by position (`-E -p`). */
  readonly data?: 'inside' | 'offset' | 'position';
}

/** Room for the tree when data are at fixed positions. */
const POSITION = 0x2000;

/** The blob, external data behind it. */
export function buildFit(spec: FitSpec): Uint8Array {
  const place = spec.data ?? 'inside';
  let offset = 0;
  const images = spec.images.map((image) => {
    const node = imageNode(image, place, offset);
    offset += Math.ceil(image.bytes.length / 4) * 4;
    return node;
  });
  const configurations = node(
    'configurations',
    [text('default', spec.configurations[0]?.name ?? '')],
    [...spec.configurations.map(configurationNode)],
  );
  const tree = encodeFdt({
    reservations: [],
    bootCpu: 0,
    root: node('', [text('description', 'built')], [node('images', [], images), configurations]),
  });
  if (place === 'inside') return tree;
  const start = place === 'position' ? POSITION : Math.ceil(tree.length / 4) * 4;
  const bytes = new Uint8Array(start + offset);
  bytes.set(tree);
  let at = start;
  for (const image of spec.images) {
    bytes.set(image.bytes, at);
    at += Math.ceil(image.bytes.length / 4) * 4;
  }
  return bytes;
}

function imageNode(image: FitImageSpec, place: string, offset: number): DeviceTreeNode {
  const { bytes } = image;
  const data =
    place === 'inside'
      ? [{ name: 'data', value: bytes }]
      : [
          place === 'offset' ? number('data-offset', offset) : number('data-position', POSITION + offset),
          number('data-size', bytes.length),
        ];
  const properties = [
    text('description', `the ${image.type}`),
    ...data,
    text('type', image.type),
    text('arch', 'arm64'),
    text('os', 'linux'),
    text('compression', image.compression ?? 'none'),
    ...(image.load === undefined ? [] : [number('load', image.load)]),
  ];
  const sha256 = createHash('sha256').update(bytes).digest();
  return node(image.name, properties, [
    node('hash-1', [{ name: 'value', value: sha256 }, text('algo', 'sha256')], []),
  ]);
}

function configurationNode({ name, parts }: FitConfigurationSpec): DeviceTreeNode {
  return node(
    name,
    Object.entries(parts).map(([part, names]) => text(part, names.join('\0'))),
    [],
  );
}

function node(
  name: string,
  properties: readonly DeviceTreeProperty[],
  children: readonly DeviceTreeNode[],
): DeviceTreeNode {
  return { name, properties, children };
}

function text(name: string, value: string): DeviceTreeProperty {
  return { name, value: stringProperty(value) };
}

function number(name: string, value: number): DeviceTreeProperty {
  return { name, value: u32Property(value) };
}

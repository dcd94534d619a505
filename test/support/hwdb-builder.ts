/**
 * Hardware databases as systemd-hwdb writes them.
 * @module
 */
import type { Hwdb, HwdbNode } from '../../src/formats/hwdb.ts';

type Value = readonly [property: string, text: string, file: string, line: number];

/** A node; children by the byte that leads to them. */
export function hwdbNode(
  prefix: string,
  children: Readonly<Record<number, HwdbNode>>,
  ...values: readonly Value[]
): HwdbNode {
  return {
    prefix,
    children: Object.entries(children)
      .map(([byte, node]) => ({ byte: Number(byte), node }))
      .sort((a, b) => a.byte - b.byte),
    values: values.map(([property, text, file, line]) => ({
      property,
      text,
      source: { file, line, priority: 5 },
    })),
  };
}

const NAMES = '/usr/lib/udev/hwdb.d/20-usb-vendor-model.hwdb';
const KEYS = '/usr/lib/udev/hwdb.d/60-keyboard.hwdb';

/** Two vendors by name, the name of a network interface and the keys of a keyboard. */
export const KEYBOARDS: Hwdb = {
  toolVersion: 252n,
  files: [NAMES, KEYS],
  root: hwdbNode('', {
    101: hwdbNode('vdev:input:b0003v05ACp0250*', {}, [' KEYBOARD_KEY_70035', '102nd', KEYS, 9]),
    117: hwdbNode('sb:v', {
      48: hwdbNode('5AC', {
        42: hwdbNode(
          '',
          {},
          [' ID_VENDOR_FROM_DATABASE', 'Apple, Inc.', NAMES, 3],
          [' ID_NET_NAME_FROM_DATABASE', 'tether0', KEYS, 4],
        ),
        112: hwdbNode('0250*', {}, [' ID_MODEL_FROM_DATABASE', 'Aluminium Keyboard', NAMES, 5]),
      }),
      49: hwdbNode('D6B*', {}, [' ID_VENDOR_FROM_DATABASE', 'Linux Foundation', NAMES, 7]),
    }),
  }),
};

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { readHibernationImages } from '../../src/machine/block-header.ts';

/** A root folder with these files; a value of `-> X` makes a link to X. */
function withTree(files: Record<string, string | Uint8Array>, check: (root: string) => void): void {
  const root = mkdtempSync(join(tmpdir(), 'khop-swap-'));
  try {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(join(root, dirname(path)), { recursive: true });
      const link = typeof content === 'string' ? /^-> (.*)$/.exec(content)?.[1] : undefined;
      if (link !== undefined) symlinkSync(link, join(root, path));
      else writeFileSync(join(root, path), content);
    }
    check(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** The start of a swap device: a page whose last ten bytes are the signature. */
function swapDevice(signature: string, page = 4096): Uint8Array {
  const bytes = new Uint8Array(2 * page);
  bytes.set(Buffer.from(signature, 'latin1'), page - 10);
  return bytes;
}

const SWAPS = 'Filename\t\t\t\tType\t\tSize\tUsed\tPriority\n';

describe('hibernation images', () => {
  test('are none on a swap device in use', () => {
    withTree(
      { 'proc/swaps': `${SWAPS}/dev/vda2 partition 1 0 -2\n`, 'dev/vda2': swapDevice('SWAPSPACE2') },
      (root) => {
        const images = readHibernationImages(root);
        assert.deepEqual(images.state === 'read' && images.value, []);
      },
    );
  });

  test('are found on a swap device of fstab that is not in use, by its tag', () => {
    const files = {
      'proc/swaps': SWAPS,
      'etc/fstab':
        '# swap\nUUID=1-2 / ext4 defaults 0 1\nUUID=3-4 none swap sw 0 0\n#/dev/vdz none swap sw 0 0\n',
      'dev/disk/by-uuid/3-4': swapDevice('S1SUSPEND\0'),
    };
    withTree(files, (root) => {
      const images = readHibernationImages(root);
      assert.deepEqual(images.state === 'read' && images.value, ['/dev/disk/by-uuid/3-4']);
    });
  });

  test('are found on the device the kernel would resume from, also with pages of 64 KiB', () => {
    const files = {
      'proc/swaps': SWAPS,
      'sys/power/resume': '254:3\n',
      'sys/dev/block/254:3': '-> ../../devices/virtual/vda3',
      'dev/vda3': swapDevice('S1SUSPEND\0', 65536),
    };
    withTree(files, (root) => {
      const images = readHibernationImages(root);
      assert.deepEqual(images.state === 'read' && images.value, ['/dev/vda3']);
    });
  });

  test('are not looked for on disks that are not plugged in, nor in swap files', () => {
    const files = {
      'proc/swaps': `${SWAPS}/swapfile file 1 0 -2\n`,
      'etc/fstab': '/dev/sdx2 none swap sw 0 0\n',
      'sys/power/resume': '0:0',
    };
    withTree(files, (root) => {
      const images = readHibernationImages(root);
      assert.deepEqual(images.state === 'read' && images.value, []);
    });
  });

  test('are unknown when a device cannot be read', () => {
    withTree({ 'proc/swaps': `${SWAPS}/dev/vda2 partition 1 0 -2\n`, 'dev/vda2/a': '' }, (root) => {
      assert.deepEqual(readHibernationImages(root), {
        state: 'unreadable',
        source: '/dev/vda2',
        reason: 'EISDIR',
      });
    });
  });
});

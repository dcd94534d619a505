/**
 * What a kernel says of itself: arm64 images and vmlinux files hold the line that the kernel prints first, and a bzImage's
 * header a shorter one.
 * Reference: linux init/version-timestamp.c, linux_banner; arch/x86/boot/version.c.
 * @module
 */

const BANNER = Buffer.from('Linux version ');
/** __NEW_UTS_LEN, and the parenthesis that follows. */
const RELEASE_LIMIT = 66;
/** Release, builder, compiler and version. */
const BANNER_LIMIT = 1024;

/**
 * What `uname -r` will say; undefined when the bytes hold no banner, as those of a compressed kernel. Searches all
 * of the bytes: some ms for 40 MiB.
 */
export function findKernelRelease(kernel: Uint8Array): string | undefined {
  return findInBanner(kernel, (text) => /^(\d+\.\d+[\x21-\x7e]*) \(/.exec(text.slice(0, RELEASE_LIMIT))?.[1]);
}

/**
 * What `uname -v` will say; as `findKernelRelease`. Since 6.1 there are two banners (init/version.c): that of the first
 * link, whose version has no number yet, stays in the image.
 */
export function findKernelVersion(kernel: Uint8Array): string | undefined {
  return findInBanner(kernel, (text) => {
    const [line = '', end] = text.split('\n', 2);
    return end === undefined || !/^\d+\.\d/.test(line) ? undefined : versionAfterBuilder(line);
  });
}

/** The version at the end of `RELEASE (USER@HOST) VERSION`, or with a compiler before it; it begins with `#1`, e.g. */
export function versionAfterBuilder(line: string): string | undefined {
  return /^[\x20-\x7e]*\) (#[\x21-\x7e][\x20-\x7e]*)$/.exec(line)?.[1]?.trim();
}

function findInBanner<T>(kernel: Uint8Array, read: (text: string) => T | undefined): T | undefined {
  const bytes = Buffer.from(kernel.buffer, kernel.byteOffset, kernel.length);
  // Format strings and module code have the words too; only the banner goes on with a number.
  for (let at = bytes.indexOf(BANNER); at >= 0; at = bytes.indexOf(BANNER, at + 1)) {
    const start = at + BANNER.length;
    const found = read(bytes.toString('latin1', start, start + BANNER_LIMIT));
    if (found !== undefined) return found;
  }
  return undefined;
}

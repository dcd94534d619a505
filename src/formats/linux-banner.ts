/**
 * The release of a kernel whose header does not say it: arm64 images and vmlinux files hold the line that the
 * kernel prints first.
 * Reference: linux init/version-timestamp.c, linux_banner.
 * @module
 */

const BANNER = Buffer.from('Linux version ');
/** __NEW_UTS_LEN, and the parenthesis that follows. */
const RELEASE_LIMIT = 66;

/**
 * What `uname -r` will say; undefined when the bytes hold no banner, as those of a compressed kernel. Searches all
 * of the bytes: some ms for 40 MiB.
 */
export function findKernelRelease(kernel: Uint8Array): string | undefined {
  const bytes = Buffer.from(kernel.buffer, kernel.byteOffset, kernel.length);
  // Format strings and module code have the words too; only the banner goes on with a number.
  for (let at = bytes.indexOf(BANNER); at >= 0; at = bytes.indexOf(BANNER, at + 1)) {
    const start = at + BANNER.length;
    const text = bytes.toString('latin1', start, start + RELEASE_LIMIT);
    const release = /^(\d+\.\d+[\x21-\x7e]*) \(/.exec(text)?.[1];
    if (release !== undefined) return release;
  }
  return undefined;
}

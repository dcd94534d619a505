/**
 * A kernel's build configuration, the text of `.config`. Documentation/kbuild/kconfig.rst; the forms are those
 * that scripts/kconfig/confdata.c writes.
 * @module
 */

/**
 * CONFIG_X -> `y`, `m`, a number as it is written, or a string without its quotes; `n` where the text says
 * `# CONFIG_X is not set`. What is not in the map, this kernel's version does not know or cannot have.
 * Lines of any other form are passed over.
 */
export function parseKernelConfig(text: string): ReadonlyMap<string, string> {
  const line = /^(?:(CONFIG_\w+)=(?:"((?:[^"\\\n]|\\.)*)"|([^\s"]*))|# (CONFIG_\w+) is not set)[ \t\r]*$/gm;
  const entries = [...text.matchAll(line)].map(([, symbol, quoted, plain, unset]): [string, string] =>
    unset === undefined ? [symbol!, quoted?.replace(/\\(.)/g, '$1') ?? plain!] : [unset, 'n'],
  );
  return new Map(entries);
}

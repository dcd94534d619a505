/**
 * The letters after `Tainted:` of a kernel's report.
 * Specification: Documentation/admin-guide/tainted-kernels.rst; kernel/panic.c, taint_flags.
 * @module
 */

/** One reason why the kernel's developers may not trust a report. */
export interface TaintFlag {
  readonly letter: string;
  readonly meaning: string;
}

/** In the order of their bits. `G` stands where `P` would, and says that nothing proprietary was loaded. */
const MEANINGS: Readonly<Record<string, string>> = {
  P: 'a proprietary module was loaded',
  F: 'a module was loaded by force',
  S: 'the CPU or kernel runs out of specification',
  R: 'a module was removed by force',
  M: 'a machine check happened',
  B: 'a bad page was found',
  U: 'user space asked for this mark',
  D: 'the kernel had died before (oops or BUG)',
  A: 'an ACPI table was replaced',
  W: 'a warning had happened before',
  C: 'a staging driver was loaded',
  I: 'a workaround for a severe firmware bug is in use',
  O: 'a module from outside the kernel was loaded',
  E: 'an unsigned module was loaded',
  L: 'a soft lockup had happened before',
  K: 'the kernel was live patched',
  X: 'marked by the distribution',
  T: 'built with a randomised structure layout',
  N: 'a test module was loaded',
  J: 'user space used a mutating fwctl operation',
};

/** @param letters as printed, e.g. `G        W  OE`; letters that are not known are kept, and said to be unknown */
export function decodeTaint(letters: string): TaintFlag[] {
  return [...new Set(letters)]
    .filter((letter) => /[A-Z]/.test(letter) && letter !== 'G')
    .map((letter) => ({ letter, meaning: MEANINGS[letter] ?? 'not known to this khop' }));
}

/**
 * `Modules linked in: nft_compat(E) zfs(PO) [last unloaded: foo]`.
 * Specification: kernel/module/main.c, print_modules and module_flags.
 * @module
 */

/** One module that was loaded. */
export interface LinkedModule {
  readonly name: string;
  /** Marks as printed: O from outside the kernel, E unsigned, P proprietary, C staging, `+` loading, `-` leaving... */
  readonly marks: string;
}

const LIST =
  /^Modules linked in:(?<list>.*?)(?:\[last unloaded: (?<unloaded>[\w-]+)(?:\([\w+-]*\))?(?::\d+)?\])?$/;

/** What such a line says, or undefined when it is another line. A name that was cut off is left out with its marks. */
export function parseLinkedModules(
  line: string,
): { readonly modules: readonly LinkedModule[]; readonly lastUnloaded: string | null } | undefined {
  const groups = LIST.exec(line.trim())?.groups;
  if (groups === undefined) return undefined;
  const modules = [...groups['list']!.matchAll(/(?<=\s)([\w-]+)(?:\(([A-Z+-]*)\))?(?=\s|$)/g)].map(
    ([, name, marks]) => ({ name: name!, marks: marks ?? '' }),
  );
  return { modules, lastUnloaded: groups['unloaded'] ?? null };
}

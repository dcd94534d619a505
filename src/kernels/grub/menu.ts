/**
 * GRUB's menu, and which entry of it starts by itself.
 * Specification: GNU GRUB manual 2.12, "default" and "menuentry".
 * @module
 */

/** What a menu entry would start. Paths are qualified by their device, see devices.ts. */
export interface LinuxCommands {
  readonly image: string;
  readonly initrds: readonly string[];
  readonly commandLine: string;
  readonly deviceTree: string | undefined;
}

export type MenuItem =
  | {
      readonly kind: 'entry';
      readonly title: string;
      readonly id: string;
      /** Undefined for an entry that starts something else. */
      readonly linux: LinuxCommands | undefined;
      readonly problems: readonly string[];
    }
  | {
      readonly kind: 'submenu';
      readonly title: string;
      readonly id: string;
      readonly items: readonly MenuItem[];
    }
  /** An entry of loader/entries, by file name without `.conf`. */
  | { readonly kind: 'bls'; readonly title: string; readonly id: string };

export type MenuEntry = Exclude<MenuItem, { kind: 'submenu' }>;

/** `a>b` at single `>`; `>>` stands for a `>` in a title. */
function splitPath(path: string): string[] {
  return path.split(/(?<!>)>(?!>)/).map((step) => step.replaceAll('>>', '>'));
}

function itemAt(items: readonly MenuItem[], step: string): MenuItem | undefined {
  if (/^\d{1,9}$/.test(step)) return items[Number(step)];
  return items.find((item) => item.id === step || item.title === step);
}

/** The entry that `path` leads to. Like GRUB, takes the first item of a menu for a step that leads nowhere. */
export function defaultEntry(items: readonly MenuItem[], path: string): MenuEntry | undefined {
  const whole = path === '' ? undefined : itemAt(items, path);
  const [first = '', ...rest] = whole === undefined ? splitPath(path) : [path];
  const item = whole ?? itemAt(items, first) ?? items[0];
  if (item?.kind === 'submenu') return defaultEntry(item.items, rest.join('>'));
  return item;
}

/** An entry and where it is. */
export interface PlacedEntry {
  readonly entry: MenuEntry;
  /** Titles of the submenus around it. */
  readonly parents: readonly string[];
  /** What `default` has to be for it to start by itself: ids, the submenus' before its own. */
  readonly path: string;
}

/** Every entry, in the menu's order. */
export function* menuEntries(
  items: readonly MenuItem[],
  parents: readonly string[] = [],
  steps: readonly string[] = [],
): Generator<PlacedEntry> {
  for (const item of items) {
    const path = [...steps, item.id.replaceAll('>', '>>')];
    if (item.kind === 'submenu') yield* menuEntries(item.items, [...parents, item.title], path);
    else yield { entry: item, parents, path: path.join('>') };
  }
}

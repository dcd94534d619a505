/**
 * Taking out of a recording what identifies a machine and its owner. It knows the usual places; a person looks
 * through the result before it is committed.
 * @module
 */

/** How to scrub. */
export interface ScrubOptions {
  readonly isScrubbing: boolean;
  /** Replaces /proc/cmdline as a whole. */
  readonly commandLine: string | undefined;
  /** Texts and what stands for them, in paths and contents. */
  readonly replacements: readonly (readonly [string, string])[];
}

/** Folders in which any machine may have mounts; others tell what a machine is used for. */
const USUAL_MOUNTS = /^\/($|(proc|sys|dev|run|tmp|boot|efi|home|var|usr)(\/|$))/;

const UUID = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi;
const MAC = /\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b/gi;

/** Gives every text the same stand-in wherever it comes up. */
export class Scrubber {
  readonly #options: ScrubOptions;
  readonly #uuids = new Map<string, string>();

  constructor(options: ScrubOptions) {
    this.#options = options;
  }

  /** A path, a link or a line. */
  text(text: string): string {
    const replaced = this.#options.replacements.reduce((all, [from, to]) => all.replaceAll(from, to), text);
    if (!this.#options.isScrubbing) return replaced;
    return replaced.replace(UUID, (uuid) => this.#uuid(uuid)).replace(MAC, '02:00:00:00:00:00');
  }

  #uuid(uuid: string): string {
    const key = uuid.toLowerCase();
    const known =
      this.#uuids.get(key) ?? `00000000-0000-4000-8000-${String(this.#uuids.size + 1).padStart(12, '0')}`;
    this.#uuids.set(key, known);
    return known;
  }

  /** The content of a file that is text. */
  file(path: string, content: string): string {
    if (path === '/proc/cmdline' && this.#options.commandLine !== undefined)
      return `${this.#options.commandLine}\n`;
    if (!this.#options.isScrubbing) return this.text(content);
    const lines = content.split('\n');
    if (path === '/proc/self/mountinfo') return this.text(lines.filter(isUsualMount).join('\n'));
    if (path === '/proc/self/status') return this.text(lines.filter((line) => /^Cap/.test(line)).join('\n'));
    if (path === '/proc/keys') return this.text(lines.filter((line) => / asymmetri/.test(line)).join('\n'));
    if (path.startsWith('/etc/') || path.startsWith('/usr/'))
      return this.text(lines.filter((line) => !line.startsWith('#')).join('\n'));
    return this.text(content);
  }

  /** The content of a file that is no text. */
  bytes(path: string, content: Uint8Array): Uint8Array {
    return this.#options.isScrubbing && path === '/proc/self/auxv' ? pageSizeOnly(content) : content;
  }
}

/** AT_PAGESZ and the end mark: the rest tells where in memory the recorder lay. */
function pageSizeOnly(auxv: Uint8Array): Uint8Array {
  const AT_PAGESZ = 6;
  for (let offset = 0; offset + 16 <= auxv.length; offset += 16)
    if (auxv[offset] === AT_PAGESZ) {
      const kept = new Uint8Array(32);
      kept.set(auxv.subarray(offset, offset + 16));
      return kept;
    }
  return auxv;
}

function isUsualMount(line: string): boolean {
  return line === '' || USUAL_MOUNTS.test(line.split(' ')[4] ?? '');
}

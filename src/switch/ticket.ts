/**
 * The ticket of a switch in flight: /var/lib/khop/trial.json. It is written before anything irreversible and
 * is the only truth about what was meant to happen; whichever kernel finds it knows what to conclude.
 *
 * Steps: `loaded` (image in the kernel, services untouched) -> `leaving` (the way down has begun). It is
 * removed by whoever concludes it, after the conclusion is in the history.
 * @module
 */
import * as v from 'valibot';
import { KhopError } from '../error.ts';

export const TICKET_VERSION = 1;

const Ticket = v.object({
  version: v.literal(TICKET_VERSION),
  /** 16 hex digits, also on the new kernel's command line as `khop.switch=`. */
  id: v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/)),
  step: v.picklist(['loaded', 'leaving']),
  /** boot_id of the kernel that is being left. */
  fromBootId: v.string(),
  fromRelease: v.string(),
  toRelease: v.nullable(v.string()),
  toTitle: v.string(),
  image: v.string(),
  method: v.picklist(['file', 'segments']),
  /** Names of what was done beforehand, see optimisations.ts; tickets before 0.2 have none. */
  optimisations: v.optional(v.array(v.string()), []),
  commandLine: v.string(),
  /** Realtime, ms since 1970. */
  requestedAtMs: v.number(),
  loadedAtMs: v.number(),
  /** When the way down began; null before. */
  leftAtMs: v.nullable(v.number()),
  /** `systemd`, `own` or `now`: who takes the system down. */
  shutdown: v.picklist(['systemd', 'own', 'now']),
});

/** What is known of a switch in flight. */
export type Ticket = v.InferOutput<typeof Ticket>;

export function encodeTicket(ticket: Ticket): string {
  return `${JSON.stringify(ticket, null, 2)}\n`;
}

/**
 * @param path only for messages
 * @throws E_STATE when the text is damaged or of a newer khop; the file is to be left as it is
 */
export function decodeTicket(text: string, path: string): Ticket {
  return decodeState(text, path, Ticket, TICKET_VERSION);
}

/** Parses versioned JSON state. @throws E_STATE, naming the path and the field that is wrong */
export function decodeState<S extends v.GenericSchema>(
  text: string,
  path: string,
  schema: S,
  version: number,
): v.InferOutput<S> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new KhopError('E_STATE', `${path} is not JSON: ${(cause as Error).message}`, {
      hint: `It was left as it is; look at it, then move it away and run the command again.`,
      cause,
    });
  }
  const found = (value as { version?: unknown } | null)?.version;
  if (typeof found === 'number' && found > version)
    throw new KhopError('E_STATE', `${path} is of version ${found}; this khop knows up to ${version}`, {
      hint: 'A newer khop wrote it: use that one, or move the file away.',
    });
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const issue = result.issues[0];
  throw new KhopError('E_STATE', `${path}: ${v.getDotPath(issue) ?? 'content'}: ${issue.message}`, {
    hint: 'It was left as it is; look at it, then move it away and run the command again.',
  });
}

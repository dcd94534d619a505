/**
 * The ticket of a switch in flight: /var/lib/khop/trial.json. It is written before anything irreversible and
 * is the only truth about what was meant to happen; whichever kernel finds it knows what to conclude.
 *
 * Steps: `loaded` (image in the kernel, services untouched) -> `leaving` (the way down has begun). It is
 * removed by whoever concludes it, after the conclusion is in the history. A trial goes on in the new kernel, phase
 * by phase, until that is confirmed or left.
 * @module
 */
import * as v from 'valibot';
import { KhopError } from '../error.ts';

export const TICKET_VERSION = 2;

/** Why a kernel on trial was left, as it says itself before it goes; see trial/cause.ts for what is found later. */
const LeavingCause = v.object({
  /** One of RETURN_CAUSES. */
  kind: v.string(),
  /** One sentence. */
  detail: v.string(),
  atMs: v.number(),
  /** How long services have to stop before the machine jumps without that, ms, where somebody has said so. */
  orderlyMs: v.optional(v.number()),
});

/** A file, and what was in it. */
const DigestedFile = v.object({ path: v.string(), sha256: v.string() });

/** What makes a switch a trial: until it is confirmed, every way of failing leads back. */
const Trial = v.object({
  /** Where the new kernel is on its way; see TRIAL_PHASES. */
  phase: v.string(),
  /** When each phase was entered: realtime, and since the kernel's start, ms. */
  phases: v.array(v.object({ phase: v.string(), atMs: v.number(), upMs: v.nullable(v.number()) })),
  /** Seconds from the start of the new kernel: the agent has to run, and everything has to be proven. */
  bootDeadlineSeconds: v.number(),
  deadlineSeconds: v.number(),
  /** Whether only `khop confirm` ends it well, and how long it may take once everything is proven. */
  needsConfirm: v.boolean(),
  confirmSeconds: v.nullable(v.number()),
  /** The kernel to come home to. */
  home: v.object({
    id: v.string(),
    title: v.string(),
    release: v.nullable(v.string()),
    /** SHA-256 of its image and each initrd before the jump; without it when they could not be read, or by an older khop. */
    files: v.optional(v.array(DigestedFile)),
  }),
  /** Boot entry of the kernel on trial, which becomes the default; null for one that has none (a file by path). */
  entryId: v.nullable(v.string()),
  /** What is tried, before the jump, since options may differ from the entry and its files may change; an older khop has none. */
  tried: v.optional(
    v.object({
      image: DigestedFile,
      initrds: v.array(DigestedFile),
      deviceTree: v.nullable(DigestedFile),
      /** Without what is added for one boot only. */
      commandLine: v.string(),
      /** The same of the entry itself. */
      entryCommandLine: v.string(),
    }),
  ),
  /** Id of the arming of the panic kernel, see guard/guard-return.ts; null without one. */
  arming: v.nullable(v.string()),
  /** Parameters that only the trial needs: sysctl -> value to go back to at confirmation. */
  restore: v.record(v.string(), v.string()),
  watchdog: v.nullable(v.string()),
  /** See trial/health/baseline.ts. */
  baseline: v.unknown(),
  /** What was promised before the jump: class -> by what, and within how many seconds (null: not covered). */
  coverage: v.array(v.object({ class: v.string(), by: v.string(), seconds: v.nullable(v.number()) })),
  cause: v.nullable(LeavingCause),
});

const Ticket = v.object({
  version: v.picklist([1, TICKET_VERSION]),
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
  /** Null for a switch that is taken as proven; tickets of version 1 have none. */
  trial: v.optional(v.nullable(Trial), null),
});

/** What is known of a switch in flight. */
export type Ticket = v.InferOutput<typeof Ticket>;

/** What is known of a trial. */
export type TicketTrial = v.InferOutput<typeof Trial>;

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

/**
 * A plan as stable JSON, and the differences between two. Seeds are never printed: a segment that carries one
 * gives its layout, but no digest of its bytes.
 * @module
 */
import { createHash } from 'node:crypto';
import { rangeSize } from '../formats/range.ts';
import type { LoadPlan } from './load-plan.ts';

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** Segments whose bytes hold a random seed. */
const SECRET_SEGMENTS = new Set(['setup-data', 'device-tree']);

/** A digest of a kernel that was moved would tell by how far: there are a few hundred distances. */
function isSecret(plan: LoadPlan, name: string): boolean {
  return SECRET_SEGMENTS.has(name) || (name === 'kernel' && plan.directEntry?.isUsed === true);
}

/** Keys in a fixed order; addresses and 64-bit sizes as hex strings, lengths as numbers. */
export function planToJson(plan: LoadPlan): { readonly [key: string]: Json } {
  const base = {
    version: plan.version,
    architecture: plan.architecture,
    slot: plan.slot,
    method: plan.method,
    reason: plan.reason,
    kernel: { ...plan.kernel, release: plan.kernel.release ?? null },
    commandLine: plan.commandLine,
    memoryMap: plan.memoryMap.map((entry) => ({
      start: hex(entry.start),
      size: hex(rangeSize(entry)),
      type: entry.type,
    })),
    directEntry: plan.directEntry === undefined ? null : { ...plan.directEntry },
    notes: plan.notes,
    flags: plan.flags,
  };
  if (plan.method === 'file') {
    const part = (name: string, bytes: Uint8Array) => ({
      source: name,
      size: bytes.length,
      sha256: sha256(bytes),
    });
    return {
      ...base,
      image: part(plan.image.name, plan.image.bytes),
      initrd: plan.initrd === undefined ? null : part(plan.initrd.name, plan.initrd.bytes),
    };
  }
  return {
    ...base,
    entry: hex(plan.entry),
    segments: plan.segments.map((segment) => ({
      name: segment.name,
      address: hex(segment.address),
      memorySize: segment.memorySize,
      size: segment.bytes.length,
      sha256: isSecret(plan, segment.name) ? null : sha256(segment.bytes),
      source: segment.source,
    })),
  };
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** One place where two plans differ; undefined: it is not there. */
export interface PlanDifference {
  /** e.g. `segments.2.address`. */
  readonly path: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** Every leaf that differs, in the order of `after`, then what only `before` has. */
export function diffPlanJson(before: unknown, after: unknown, path = ''): PlanDifference[] {
  if (isBranch(before) && isBranch(after)) {
    const keys = new Set([...Object.keys(after), ...Object.keys(before)]);
    return [...keys].flatMap((key) =>
      diffPlanJson(before[key], after[key], path === '' ? key : `${path}.${key}`),
    );
  }
  return Object.is(before, after) ? [] : [{ path, before, after }];
}

function isBranch(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

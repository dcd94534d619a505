/**
 * What is loaded, by whom, and what is in flight.
 * @module
 */
import { KhopError } from '../error.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { type Reading, valueOf } from '../machine/reading.ts';
import type { KexecSlot } from '../plan/load-plan.ts';
import { readLoadedRecord } from './load.ts';
import type { LoadedRecord } from './loaded-record.ts';
import { ticketPath } from './state-paths.ts';
import { decodeTicket, type Ticket } from './ticket.ts';
import type { SwitchWorld } from './world.ts';

/** One of the kernel's two images. */
export interface SlotStatus {
  readonly slot: KexecSlot;
  /** What the kernel says; `unknown` when it could not be read. */
  readonly loaded: 'yes' | 'no' | 'unknown';
  readonly source: string;
  /** Set when khop loaded it in this boot. */
  readonly record: LoadedRecord | undefined;
}

/** Answer of `khop status`. */
export interface Status {
  readonly release: string | undefined;
  readonly bootId: string | undefined;
  readonly slots: readonly SlotStatus[];
  /** Bytes reserved for a panic kernel. */
  readonly crashReservationBytes: bigint | undefined;
  readonly ticket: Ticket | undefined;
  /** State files that could not be read, one sentence each. */
  readonly damaged: readonly string[];
}

/** Never throws for damaged state: it is part of the answer. */
export function readStatus(world: SwitchWorld, machine: MachineFacts): Status {
  const bootId = valueOf(machine.bootId);
  const damaged: string[] = [];
  const tolerate = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof KhopError)) throw error;
      damaged.push(error.message);
      return undefined;
    }
  };
  const slotStatus = (slot: KexecSlot, reading: Reading<boolean>): SlotStatus => ({
    slot,
    loaded: reading.state === 'read' ? (reading.value ? 'yes' : 'no') : 'unknown',
    source: reading.source,
    record: valueOf(reading) === true ? tolerate(() => readLoadedRecord(world, slot, bootId)) : undefined,
  });
  const path = ticketPath(world.folders);
  return {
    release: valueOf(machine.release),
    bootId,
    slots: [slotStatus('normal', machine.kexec.loaded), slotStatus('crash', machine.kexec.crashLoaded)],
    crashReservationBytes: valueOf(machine.kexec.crashSize),
    ticket: tolerate(() => {
      const text = world.files.read(path);
      return text === undefined ? undefined : decodeTicket(text, path);
    }),
    damaged,
  };
}

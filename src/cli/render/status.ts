/**
 * `khop status` as text.
 * @module
 */
import type { SlotStatus, Status } from '../../switch/status.ts';
import type { CliContext } from '../context.ts';
import { renderBytes, renderMilliseconds, renderTime } from './quantity.ts';

/** What runs, what each slot holds, what is in flight, and the next command. */
export function renderStatus(status: Status, context: Pick<CliContext, 'style'>): string {
  const lines = [
    `running       ${status.release ?? 'unknown'} (boot ${status.bootId ?? 'unknown'})`,
    ...status.slots.flatMap((slot) => renderSlot(slot, status, context)),
  ];
  const { ticket } = status;
  if (ticket !== undefined) {
    const state =
      ticket.step === 'leaving' ? 'this system is on its way down' : 'loaded; the way down has not begun';
    lines.push(`in flight     ${ticket.fromRelease} -> ${ticket.toRelease ?? ticket.toTitle}: ${state}`);
    lines.push(`              asked for at ${renderTime(ticket.requestedAtMs)}, id ${ticket.id}`);
  }
  for (const damage of status.damaged) lines.push(context.style('red', `damaged       ${damage}`));
  lines.push('', nextStep(status));
  return lines.join('\n');
}

function renderSlot(slot: SlotStatus, status: Status, context: Pick<CliContext, 'style'>): string[] {
  const name = slot.slot === 'normal' ? 'loaded       ' : 'panic kernel ';
  if (slot.loaded === 'unknown')
    return [`${name} ${context.style('yellow', 'unknown')}: ${slot.source} cannot be read`];
  if (slot.loaded === 'no') {
    const reserved = status.crashReservationBytes ?? 0n;
    if (slot.slot === 'normal') return [`${name} nothing`];
    return [
      `${name} not armed; ${reserved > 0n ? `${renderBytes(reserved)} are reserved` : 'no memory is reserved (crashkernel=)'}`,
    ];
  }
  const { record } = slot;
  if (record === undefined) return [`${name} an image that khop did not load in this boot`];
  return [
    `${name} ${context.style('bold', record.title)} (${record.image})`,
    `              by ${record.by}, ${record.method}, ${renderTime(record.loadedAtMs)}, took ${renderMilliseconds(record.loadMs)}`,
    `              command line: ${record.commandLine}`,
  ];
}

function nextStep(status: Status): string {
  const normal = status.slots.find((slot) => slot.slot === 'normal');
  if (status.ticket?.step === 'leaving') return 'Next: wait; `khop history` tells how it ended.';
  if (normal?.loaded === 'yes')
    return 'Note: with an image loaded, `reboot` under systemd jumps to it. Next: khop switch --loaded, or khop unload';
  return 'Next: khop list, then khop switch KERNEL';
}

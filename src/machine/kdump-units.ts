/**
 * The services that load a panic kernel of their own. The kernel does not say whose the one is that is loaded, and
 * systemd says which start of a unit is the last: /run/systemd/units/invocation:UNIT is a link whose target is the
 * invocation id, systemd.exec(5), for as long as the unit is active.
 * @module
 */
import { readLinkName } from './source.ts';

const UNITS = ['kdump-tools.service', 'kdump.service'];

/** `UNIT ID` for each that is active; another id is another start. Empty without systemd. */
export function readKdumpStarts(root: string): readonly string[] {
  return UNITS.flatMap((unit) => {
    const id = readLinkName(root, `/run/systemd/units/invocation:${unit}`);
    return id.state === 'read' ? [`${unit} ${id.value}`] : [];
  });
}

/**
 * systemd's own settings: systemd-system.conf(5).
 * @module
 */
import { type Reading, valueOf } from './reading.ts';
import { linesOf, readNames, readText } from './source.ts';

/** First counts: the main file is taken from one folder, and a drop-in hides those of its name further on. */
const FOLDERS = ['/etc/systemd', '/run/systemd', '/usr/local/lib/systemd', '/usr/lib/systemd'];

/** The `[Manager]` settings of system.conf and its drop-ins in the order of their names; absent without any. */
export function readSystemdSettings(root: string): Reading<ReadonlyMap<string, string>> {
  const files = [...mainFile(root), ...dropIns(root)];
  const bad = files.find((file) => file.state === 'unreadable');
  if (bad !== undefined) return bad as Reading<never>;
  if (files.length === 0) return { state: 'absent', source: '/etc/systemd/system.conf' };
  const settings = new Map<string, string>();
  for (const file of files) applySettings(valueOf(file) ?? '', settings);
  return { state: 'read', value: settings, source: files.map((file) => file.source).join(', ') };
}

function mainFile(root: string): Reading<string>[] {
  const found = FOLDERS.map((folder) => readText(root, `${folder}/system.conf`)).find(
    (reading) => reading.state !== 'absent',
  );
  return found === undefined ? [] : [found];
}

function dropIns(root: string): Reading<string>[] {
  const paths = new Map<string, string>();
  for (const folder of FOLDERS.map((each) => `${each}/system.conf.d`).reverse())
    for (const name of valueOf(readNames(root, folder)) ?? [])
      if (name.endsWith('.conf')) paths.set(name, `${folder}/${name}`);
  return [...paths].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, path]) => readText(root, path));
}

/** An empty value takes an earlier one back. */
function applySettings(text: string, settings: Map<string, string>): void {
  let section = '';
  for (const line of linesOf(text)) {
    section = /^\s*\[(.*)\]\s*$/.exec(line)?.[1] ?? section;
    const match = /^\s*([A-Za-z]+)\s*=\s*(.*?)\s*$/.exec(line);
    if (match === null || section !== 'Manager') continue;
    if (match[2] === '') settings.delete(match[1]!);
    else settings.set(match[1]!, match[2]!);
  }
}

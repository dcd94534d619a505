/**
 * What kind of machine this is: the firmware's names for it, and whether this is a container.
 * @module
 */
import type { DmiFacts } from './facts.ts';
import { type Reading, valueOf } from './reading.ts';
import { readText } from './source.ts';

export function readDmi(root: string): DmiFacts {
  const field = (name: string) => readText(root, `/sys/class/dmi/id/${name}`);
  return {
    systemVendor: field('sys_vendor'),
    productName: field('product_name'),
    boardName: field('board_name'),
    biosVersion: field('bios_version'),
  };
}

/** The variable `container` of PID 1, else /run/systemd/container, else the marks of docker and podman. */
export function readContainer(root: string): Reading<string> {
  const named = readText(root, '/run/systemd/container');
  if (named.state === 'read' && named.value !== '') return named;
  const environment = readText(root, '/proc/1/environ');
  const variable = /(?:^|\0)container=([^\0]+)/.exec(valueOf(environment) ?? '')?.[1];
  if (variable !== undefined) return { state: 'read', value: variable, source: environment.source };
  for (const [path, name] of [
    ['/.dockerenv', 'docker'],
    ['/run/.containerenv', 'podman'],
  ] as const)
    if (readText(root, path).state === 'read') return { state: 'read', value: name, source: path };
  return { state: 'absent', source: '/run/systemd/container, /proc/1/environ, /.dockerenv' };
}

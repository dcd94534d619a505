/**
 * What the machine itself must have. A requirement is looked for by what it gives (a program on PATH or a
 * file), so that the same list serves machines with and without apt; apt-get is asked only for what is missing.
 * @module
 */
import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { aptPrefix, installWithApt } from './apt.mjs';
import { BootstrapError, say } from './report.mjs';

/**
 * One entry of tools/host-requirements.json.
 * @typedef {object} HostRequirement
 * @property {string} package Debian's and Ubuntu's name
 * @property {string[]} verbs the verbs that need it; "*" is every verb
 * @property {string[]} [programs] names that are looked up on PATH; every one is needed
 * @property {string[]} [anyOf] absolute paths; one of them suffices
 * @property {string} why
 */

/**
 * @param {string} root the project's folder
 * @returns {HostRequirement[]}
 */
export function readHostRequirements(root) {
  const text = readFileSync(path.join(root, 'tools/host-requirements.json'), 'utf8');
  return JSON.parse(text).requirements;
}

/**
 * @param {readonly HostRequirement[]} requirements
 * @param {string} verb
 * @param {(wanted: string) => boolean} isThere
 */
export function missingRequirements(requirements, verb, isThere) {
  return requirements.filter(
    ({ verbs, programs = [], anyOf }) =>
      (verbs.includes('*') || verbs.includes(verb)) &&
      !(programs.every(isThere) && (anyOf === undefined || anyOf.some(isThere))),
  );
}

/**
 * Whether a program is on PATH (or in the folders of root's own programs), or a file exists.
 * @param {string} wanted
 */
export function isOnThisMachine(wanted) {
  if (wanted.startsWith('/')) return existsSync(wanted);
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'];
  return folders.some((folder) => folder !== '' && isExecutable(path.join(folder, wanted)));
}

/** @param {string} file */
function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/**
 * The list for a person who has to install things by hand.
 * @param {readonly HostRequirement[]} missing
 */
export function describeMissing(missing) {
  const lines = missing.map(
    ({ package: name, programs, anyOf = [], why }) =>
      `  ${name.padEnd(20)} gives ${programs?.join(', ') ?? anyOf.join(' or ')}: ${why}`,
  );
  return `missing on this machine (by Debian's package names):\n${lines.join('\n')}`;
}

/**
 * Makes sure that everything `verb` needs is on the machine.
 * @param {string} root
 * @param {string} verb
 */
export async function ensureHostPackages(root, verb) {
  const requirements = readHostRequirements(root);
  const missing = missingRequirements(requirements, verb, isOnThisMachine);
  if (missing.length === 0) return;
  say(describeMissing(missing));
  const names = missing.map((requirement) => requirement.package);
  const byHand = `sudo apt-get install --no-install-recommends ${names.join(' ')}`;
  if (!isOnThisMachine('apt-get'))
    throw new BootstrapError('this machine has no apt-get: install what the list names, then run this again');
  const prefix = aptPrefix();
  if (prefix === undefined)
    throw new BootstrapError(`no root and no sudo here: have this run, then try again:\n  ${byHand}`);
  const failure = await installWithApt(root, prefix, names, hasFreshLists());
  const left = missingRequirements(requirements, verb, isOnThisMachine);
  if (left.length === 0) return;
  const because = failure === undefined ? '' : `apt-get failed:\n${failure}\n`;
  throw new BootstrapError(`${because}${describeMissing(left)}\nby hand:\n  ${byHand}`);
}

const LISTS = '/var/lib/apt/lists';
const LISTS_FRESH_MS = 7 * 24 * 3600 * 1000;

/** Whether apt's package lists are there and younger than a week. */
function hasFreshLists() {
  try {
    const hasLists = readdirSync(LISTS).some((name) => name.includes('_Packages'));
    const age = Date.now() - statSync(path.join(LISTS, 'partial')).mtimeMs;
    return hasLists && age < LISTS_FRESH_MS;
  } catch {
    return false;
  }
}

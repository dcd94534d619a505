/**
 * /etc/khop/khop.conf: `key = value` lines, `#` comments. Described in khop.conf(5).
 * @module
 */
import { KhopError } from '../error.ts';
import { parseSocketAddress, type SocketAddress } from '../formats/socket-address.ts';
import { PROFILES, type ProfileName } from './optimisations.ts';

/** What an administrator sets once for a machine. */
export interface Configuration {
  /** Default of `--method`. */
  readonly method: 'auto' | 'file' | 'segments';
  /** Default of `--profile`. */
  readonly profile: ProfileName;
  /** Added to every new command line. */
  readonly append: string;
  /** Parameters (names) dropped from a reused command line. */
  readonly drop: readonly string[];
  /** Ids of checks whose refusal is overridden on this machine. */
  readonly accept: readonly string[];
  /** How long the own shutdown waits between TERM and KILL, ms. */
  readonly stopTimeoutMs: number;
  /** The unit whose start is measured after a switch; empty: none. */
  readonly service: string;
  /** Whether a switch to a kernel that was never confirmed is a trial. */
  readonly trial: boolean;
  /** From the start of a kernel on trial: until everything has to be proven, and until its agent has to run. */
  readonly trialSeconds: number;
  readonly trialBootSeconds: number;
  /** Units that a kernel on trial has to bring up. */
  readonly trialUnits: readonly string[];
  /** Ports that have to answer under a kernel on trial. */
  readonly trialSockets: readonly SocketAddress[];
  /** Ids of checks that fail no trial on this machine, see docs/trial-checks.md. */
  readonly trialIgnore: readonly string[];
  /** Patterns: complaints of the kernel, and units that fail, which fail no trial on this machine. */
  readonly trialIgnoreWarnings: readonly string[];
  readonly trialIgnoreUnits: readonly string[];
  /** Default of `khop guard on --encrypt-to`. */
  readonly encryptTo: readonly string[];
  /** The variable of U-Boot's environment that names the image to start; empty: none does, or nobody knows. */
  readonly uBootVariable: string;
}

export const DEFAULT_CONFIGURATION: Configuration = {
  method: 'auto',
  profile: 'warm',
  append: '',
  drop: [],
  accept: [],
  stopTimeoutMs: 10_000,
  service: '',
  trial: true,
  trialSeconds: 600,
  trialBootSeconds: 240,
  trialUnits: [],
  trialSockets: [],
  trialIgnore: [],
  trialIgnoreWarnings: [],
  trialIgnoreUnits: [],
  encryptTo: [],
  uBootVariable: '',
};

/** systemd.unit(5): what a name may be made of; it begins as no option does. */
const UNIT_NAME = /^[\w@:.\\][\w@:.\\-]*$/;

const READERS: Record<string, (value: string) => Partial<Configuration> | undefined> = {
  method: (value) =>
    value === 'auto' || value === 'file' || value === 'segments' ? { method: value } : undefined,
  profile: (value) => {
    const profile = PROFILES.find((name) => name === value);
    return profile && { profile };
  },
  append: (value) => ({ append: value }),
  drop: (value) => ({ drop: words(value) }),
  accept: (value) => ({ accept: words(value) }),
  service: (value) => (/^[\w@:.\\-]*$/.test(value) ? { service: value } : undefined),
  trial: (value) => (value === 'yes' || value === 'no' ? { trial: value === 'yes' } : undefined),
  'trial-deadline': (value) => {
    const trialSeconds = seconds(value);
    return trialSeconds === undefined ? undefined : { trialSeconds };
  },
  'trial-boot-deadline': (value) => {
    const trialBootSeconds = seconds(value);
    return trialBootSeconds === undefined ? undefined : { trialBootSeconds };
  },
  'trial-units': (value) => {
    const units = words(value);
    return units.every((unit) => UNIT_NAME.test(unit)) ? { trialUnits: units } : undefined;
  },
  'trial-sockets': (value) => {
    const sockets = words(value).map(parseSocketAddress);
    const trialSockets = sockets.filter((socket) => socket !== undefined);
    return trialSockets.length === sockets.length ? { trialSockets } : undefined;
  },
  'trial-ignore': (value) => ({ trialIgnore: words(value) }),
  'trial-ignore-warnings': (value) => ({ trialIgnoreWarnings: words(value) }),
  'trial-ignore-units': (value) => ({ trialIgnoreUnits: words(value) }),
  'encrypt-to': (value) => {
    const encryptTo = words(value);
    return encryptTo.every((word) => /^(age1|\/)/.test(word)) ? { encryptTo } : undefined;
  },
  // As U-Boot takes names of variables, without what fw_setenv's own options begin with.
  'u-boot-default': (value) =>
    /^(?:[A-Za-z_]\w{0,63})?$/.test(value) ? { uBootVariable: value } : undefined,
  'stop-timeout': (value) => {
    const stopSeconds = seconds(value);
    return stopSeconds === undefined ? undefined : { stopTimeoutMs: stopSeconds * 1000 };
  },
};

/** @throws E_USAGE naming the line, when a key is unknown or a value is not one of its key's */
export function parseConfiguration(text: string, path: string): Configuration {
  let configuration = DEFAULT_CONFIGURATION;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const equals = line.indexOf('=');
    const key = line.slice(0, Math.max(equals, 0)).trim();
    const reader = Object.hasOwn(READERS, key) ? READERS[key] : undefined;
    const read = equals > 0 ? reader?.(unquote(line.slice(equals + 1).trim())) : undefined;
    if (read === undefined)
      throw new KhopError('E_USAGE', `${path}, line ${index + 1}: ${explain(line, key, reader)}`, {
        hint: `Keys are ${Object.keys(READERS).join(', ')}; see khop.conf(5).`,
      });
    configuration = { ...configuration, ...read };
  }
  return configuration;
}

function explain(line: string, key: string, reader: unknown): string {
  if (key === '') return `"${line}" is not "key = value"`;
  return reader === undefined ? `unknown key "${key}"` : `"${key}" does not take this value: ${line}`;
}

/** `90` or `90s`, at least one. */
function seconds(value: string): number | undefined {
  const number = /^\d{1,4}s?$/.test(value) ? Number.parseInt(value, 10) : 0;
  return number > 0 ? number : undefined;
}

function unquote(value: string): string {
  return /^"[^"]*"$/.test(value) ? value.slice(1, -1) : value;
}

function words(value: string): string[] {
  return value.split(/[\s,]+/).filter((word) => word !== '');
}

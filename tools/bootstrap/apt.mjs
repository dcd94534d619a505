/**
 * Installing Debian packages: as root, or through sudo; never with a question, never for ever.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { runStep } from './step.mjs';

const UPDATE_TIMEOUT_MS = 5 * 60_000;
const INSTALL_TIMEOUT_MS = 20 * 60_000;

/**
 * The words before `apt-get`: none for root, sudo when it works or can ask; undefined when neither is there.
 * @returns {string[] | undefined}
 */
export function aptPrefix() {
  if (process.getuid?.() === 0) return [];
  if (spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore', timeout: 10_000 }).status === 0)
    return ['sudo', '-n'];
  const hasSudo = spawnSync('sudo', ['-V'], { stdio: 'ignore', timeout: 10_000 }).status === 0;
  return hasSudo && process.stdin.isTTY ? ['sudo'] : undefined;
}

/**
 * Installs `packages`. The lists are fetched first when they are old, and once more when the first try fails:
 * a list that is a day too old names files that are gone.
 * @param {string} cwd
 * @param {string[]} prefix from `aptPrefix`
 * @param {string[]} packages
 * @param {boolean} hasFreshLists
 * @returns {Promise<string | undefined>} the end of apt-get's output when it failed
 */
export async function installWithApt(cwd, prefix, packages, hasFreshLists) {
  const apt = (
    /** @type {string} */ title,
    /** @type {number} */ timeoutMs,
    /** @type {string[]} */ args,
  ) => {
    const [file, ...words] = [
      ...prefix,
      'env',
      'DEBIAN_FRONTEND=noninteractive',
      'apt-get',
      '-y',
      '-o',
      'DPkg::Lock::Timeout=300',
      '-o',
      'Acquire::Retries=3',
      ...args,
    ];
    return runStep(title, /** @type {string} */ (file), words, {
      cwd,
      timeoutMs,
      asksPerson: prefix[0] === 'sudo',
    });
  };
  const update = () => apt('fetching the package lists (apt-get update)', UPDATE_TIMEOUT_MS, ['update']);
  const install = () =>
    apt(`installing ${packages.join(', ')} (apt-get install)`, INSTALL_TIMEOUT_MS, [
      'install',
      '--no-install-recommends',
      ...packages,
    ]);
  if (!hasFreshLists) await update();
  let result = await install();
  if (!result.ok && hasFreshLists) {
    await update();
    result = await install();
  }
  return result.ok ? undefined : result.tail;
}

#!/usr/bin/env node
/**
 * Every npm script starts here, on whatever Node.js (20 or newer) the machine has: it makes the machine and
 * node_modules ready for the verb, then runs the verb with the project's own Node.js 26.
 * @module
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureHostPackages } from './bootstrap/host-packages.mjs';
import { ensureNodeModules } from './bootstrap/node-modules.mjs';
import { checkProjectNode, projectNodePath, runScript } from './bootstrap/project-node.mjs';
import { BootstrapError, say } from './bootstrap/report.mjs';

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/** What each verb runs. */
const VERBS = {
  demo: { script: 'tools/demo.ts', summary: 'switch kernels in a virtual machine and show it (npm start)' },
  test: { script: 'tools/test.ts', summary: 'every check and test, the virtual machines included' },
  chaos: {
    script: 'tools/chaos.ts',
    summary: 'faults made on purpose in virtual machines, and how they end',
  },
  bench: { script: 'tools/bench.ts', summary: 'how long a machine is away while it switches, in figures' },
  fuzz: { script: 'tools/fuzz.ts', summary: 'the properties of parsers and plans, with many more inputs' },
  check: { script: 'tools/check.ts', summary: 'types, lint, format, import rules, documentation' },
  generate: { script: 'tools/generate.ts', summary: 'write the man page and completions again' },
  package: { script: 'tools/package.ts', summary: 'the executable, the .deb and the tarball, in dist/' },
  khop: { script: 'src/cli/main.ts', summary: 'khop itself, from the sources' },
};

function usage() {
  const lines = Object.entries(VERBS).map(([verb, { summary }]) => `  ${verb.padEnd(8)} ${summary}`);
  return `usage: node tools/bootstrap.mjs VERB [ARGUMENT...]\n${lines.join('\n')}`;
}

/** @param {string[]} argv */
async function main(argv) {
  const [verb, ...rest] = argv;
  if (verb === undefined || !Object.hasOwn(VERBS, verb))
    throw new BootstrapError(verb === undefined ? usage() : `there is no verb ${verb}\n${usage()}`, 2);
  const { script } = VERBS[/** @type {keyof typeof VERBS} */ (verb)];
  // Reading about a verb must not install what only running it needs.
  const asksForHelp = rest.includes('--help') || rest.includes('-h');
  await ensureHostPackages(ROOT, asksForHelp ? 'help' : verb);
  await ensureNodeModules(ROOT);
  const node = projectNodePath(ROOT);
  checkProjectNode(node);
  // khop's own arguments name files from where the person stands; npm has moved to the project's folder.
  const cwd = verb === 'khop' ? (process.env.INIT_CWD ?? process.cwd()) : ROOT;
  return runScript(node, path.join(ROOT, script), rest, cwd);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof BootstrapError)) throw error;
  say(error.message);
  process.exitCode = error.exitStatus;
}

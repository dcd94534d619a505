/**
 * Node.js's own modules in the bundle: each is loaded when something of it is first used, not when a module
 * that imports it is evaluated. commander, for one, asks for node:child_process, and with it for sockets, to
 * run subcommands that are programs of their own; khop has none.
 * @module
 */
import type { Plugin } from 'esbuild';

const NAMESPACE = 'lazy-builtin';

/** For CommonJS-like output formats, where an import is an object that esbuild copies accessors from. */
export const LAZY_BUILTINS: Plugin = {
  name: NAMESPACE,
  setup(build) {
    build.onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: NAMESPACE }));
    build.onLoad({ filter: /./, namespace: NAMESPACE }, ({ path }) => ({ contents: accessorsOf(path) }));
  },
};

/** A module with one accessor for each name that `specifier` exports. */
function accessorsOf(specifier: string): string {
  const builtin = process.getBuiltinModule(specifier);
  if (builtin === undefined) return `throw new Error(${JSON.stringify(`there is no ${specifier}`)})`;
  const load = `process.getBuiltinModule(${JSON.stringify(specifier)})`;
  const accessors = Object.keys(builtin).map((name) => {
    const key = JSON.stringify(name);
    return `get ${key}(){return ${load}[${key}]}`;
  });
  return `module.exports={${accessors.join(',')}}`;
}

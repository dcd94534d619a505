/**
 * Worlds for use cases: folders below a built tree, a healthy machine, real state files, and calls that fail
 * the test when a use case makes one that it was not to make.
 * @module
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import {
  appendDurably,
  readIfPresent,
  removeDurably,
  renameDurably,
  writeDurably,
} from '../../src/machine/durable-file.ts';
import { DEFAULT_CONFIGURATION } from '../../src/switch/configuration.ts';
import type { SwitchWorld } from '../../src/switch/world.ts';
import { virtioNeeds } from './initramfs-builder.ts';
import { absent, healthyMachine } from './machine-facts.ts';
import { seededBytes } from './seeded-bytes.ts';

function unexpected(call: string) {
  return () => assert.fail(`${call} was called`);
}

/** @param root of a built tree; state, run and cache are folders of it. @param remarks gets what is remarked */
export function quietWorld(
  root: string,
  remarks: string[] = [],
  over: Partial<SwitchWorld> = {},
): SwitchWorld {
  return {
    folders: { root, state: join(root, 'state'), run: join(root, 'run'), cache: join(root, 'cache') },
    configuration: DEFAULT_CONFIGURATION,
    signal: new AbortController().signal,
    nowMs: () => 1_700_000_000_000,
    remark: (line) => remarks.push(line),
    readMachine: () => healthyMachine(),
    readInitramfsNeeds: () => virtioNeeds(),
    readPciByte: () => absent(),
    entropy: (length) => seededBytes('world', length),
    kexec: {
      fileLoad: unexpected('kexec_file_load'),
      segmentsLoad: unexpected('kexec_load'),
      unload: unexpected('unload'),
    },
    shutdown: {
      syncAhead: unexpected('syncAhead'),
      sayLeaving: unexpected('sayLeaving'),
      throughServiceManager: unexpected('throughServiceManager'),
      byOurselves: unexpected('byOurselves'),
      now: unexpected('now'),
      immediately: unexpected('immediately'),
    },
    files: {
      read: readIfPresent,
      write: writeDurably,
      append: appendDurably,
      rename: renameDurably,
      remove: removeDurably,
    },
    exclusively: (work) => work(),
    ...over,
  };
}

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { KhopError } from '../../../src/error.ts';
import { readCatalogue } from '../../../src/kernels/catalogue.ts';
import { inputs } from '../../support/inputs.ts';
import { processorTimeMs } from '../../support/processor-time.ts';
import { buildTree } from '../../support/tree-builder.ts';
import { runScript } from './grub-machine.ts';

const WORDS =
  `if then elif else fi for in do done while until function { } ; menuentry submenu set export unset [ ] ! test
 true false linux initrd search --set=root --fs-uuid --label load_env source configfile blscfg regexp eval break continue
 return exit shift default=1 a=b $a "$a" \${a} $1 "$@" $? 'x y' "x ' y" ( ) -a -o = -e -z -n f /boot/x $prefix --id
 increment constructor toString __proto__ [[:constructor:]] newc: \\ # | & < > $ " '`.split(/\s+/);

const SOUP = fc
  .array(fc.tuple(fc.constantFrom(...WORDS), fc.constantFrom(' ', ' ', '\n', ';', '')), { maxLength: 60 })
  .map((words) => words.flat().join(''));

test('any soup of words gives a menu, within its bounds of time', () => {
  let longest = 0;
  fc.assert(
    fc.property(SOUP, (text) => {
      longest = Math.max(
        longest,
        processorTimeMs(() => runScript(text)),
      );
    }),
    inputs(1200),
  );
  assert.ok(longest < 10_000, `the slowest took ${longest} ms`);
});

test('any bytes give a menu', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      runScript(text);
    }),
    inputs(500),
  );
});

test('a real configuration that is cut or damaged anywhere gives a catalogue', () => {
  const config = readFileSync(join(import.meta.dirname, '../fixtures/ubuntu/boot/grub/grub.cfg'), 'utf8');
  const read = (text: string) => {
    using tree = buildTree({ 'boot/grub/grub.cfg': text });
    try {
      return readCatalogue({ root: tree.root, running: undefined });
    } catch (error) {
      assert.ok(error instanceof KhopError, String(error));
      return undefined;
    }
  };
  for (let length = 0; length < config.length; length += 197) read(config.slice(0, length));
  const edit = fc.tuple(
    fc.nat(config.length - 1),
    fc.constantFrom('"', "'", '{', '}', '$', '\\', '\n', '', 'fi'),
  );
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 5 }), (edits) => {
      read(edits.reduce((text, [at, piece]) => text.slice(0, at) + piece + text.slice(at + 1), config));
    }),
    inputs(150),
  );
});

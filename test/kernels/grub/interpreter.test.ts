import assert from 'node:assert/strict';
import { test } from 'node:test';
import { processorTimeMs } from '../../support/processor-time.ts';
import { linuxOf, runScript, valueAfter } from './grub-machine.ts';

test('variables, assignments with and without set, and unset', () => {
  assert.equal(valueAfter('set a=1; b="$a 2"; c=$b', 'b'), '1 2');
  assert.equal(valueAfter('a=1\nunset a\nset b=x$a', 'b'), 'x');
  assert.equal(valueAfter(`v="one two"; set a=\${v}`, 'a'), 'one', 'set takes its first word');
  assert.equal(valueAfter(`v="one two"; set a="\${v}"`, 'a'), 'one two');
});

test('if takes the first branch whose last command succeeds', () => {
  const script = (value: string) =>
    `v=${value}\nif [ "$v" = 1 ]; then r=one; elif false; true; [ "$v" = 2 ]; then r=two; else r=other; fi`;
  assert.equal(valueAfter(script('1'), 'r'), 'one');
  assert.equal(valueAfter(script('2'), 'r'), 'two');
  assert.equal(valueAfter(script('3'), 'r'), 'other');
  assert.equal(valueAfter('if ! false; then r=yes; fi', 'r'), 'yes');
  assert.equal(valueAfter('if nosuchcommand; then r=yes; else r=no; fi', 'r'), 'no');
});

test('functions have arguments, return early, and give their status', () => {
  const script = `function f { r="$r[$1|$2|$#|$*]"; if [ "$1" = stop ]; then return 1; fi; r="\${r}end" }\n`;
  assert.equal(valueAfter(`${script}f a "b c"`, 'r'), '[a|b c|2|a b c]end');
  assert.equal(valueAfter(`${script}if f stop; then s=ok; else s=failed; fi`, 's'), 'failed');
  assert.equal(valueAfter('function f { shift; r=$1 }\nf a b', 'r'), 'b');
});

test('loops run over words, while a condition holds, and can be left', () => {
  assert.equal(valueAfter('l="b c"; for i in a $l "d e"; do r="$r($i)"; done', 'r'), '(a)(b)(c)(d e)');
  assert.equal(
    valueAfter(
      'for i in a b c d; do if [ $i = b ]; then continue; fi; if [ $i = d ]; then break; fi; r=$r$i; done',
      'r',
    ),
    'ac',
  );
  assert.equal(valueAfter('n=0; while [ $n -lt 4 ]; do increment n; done', 'n'), '4');
  assert.equal(valueAfter('n=9; until [ $n -lt 4 ]; do decrement n; done', 'n'), '3');
});

test('an entry runs with the variables as they are when the menu is shown', () => {
  const [linux] = linuxOf('args=early\nmenuentry a { linux /vmlinuz $args $1 }\nargs=late');
  assert.deepEqual(linux, {
    image: '(MOUNT=/)/vmlinuz',
    commandLine: 'late a',
    initrds: [],
    deviceTree: undefined,
  });
});

test('what an entry sets does not reach the next', () => {
  const [, second] = linuxOf('menuentry a { set root=hd9; x=1; linux /a }\nmenuentry b { linux /b x=$x }');
  assert.deepEqual([second?.image, second?.commandLine], ['(MOUNT=/)/b', 'x=']);
});

test('a submenu sees only exported variables, and functions', () => {
  const [linux] = linuxOf(
    'a=1; b=2; export b\nfunction f { c=3 }\nsubmenu s { f; menuentry m { linux /v $a,$b,$c } }',
  );
  assert.equal(linux?.commandLine, ',2,3');
});

test('titles and ids come from options that may precede or follow', () => {
  const { items } = runScript(
    `menuentry 'One' --class x --id first { linux /a }\nmenuentry --unrestricted --class=y 'Two' $menuentry_id_option { linux /b }\nmenuentry_id_option=--id\nmenuentry 'Three' $menuentry_id_option 'third' --hotkey=t { true }`,
  );
  assert.deepEqual(
    items.map(({ title, id }) => [title, id]),
    [
      ['One', 'first'],
      ['Two', 'Two'],
      ['Three', 'third'],
    ],
  );
});

test('search keeps the name it searched by, and --hint words are no names', () => {
  const root = (search: string) =>
    linuxOf(`menuentry a { set root=hd0,gpt2\n${search}\nlinux /v }`)[0]?.image;
  assert.equal(root('search --no-floppy --fs-uuid --set=root --hint-bios=hd0,gpt2 AB-CD'), '(UUID=AB-CD)/v');
  assert.equal(root("search --no-floppy --fs-uuid --set=root --hint='hd0,gpt2'  AB-CD"), '(UUID=AB-CD)/v');
  assert.equal(root('search --fs-uuid --hint hd0,gpt2 --set AB-CD'), '(UUID=AB-CD)/v');
  assert.equal(root('search -l -s boot'), '(LABEL=boot)/v');
  assert.equal(root('search.fs_uuid AB-CD root hd0,gpt2'), '(UUID=AB-CD)/v');
  assert.equal(root('search --set=other --label x'), '(hd0,gpt2)/v');
  assert.equal(root('search --fs-uuid --set=dev AB\nset root=$dev'), '(UUID=AB)/v');
});

test('search --file finds the mount point that has the file, and fails without one', () => {
  const script = 'if search --set=root --file /marker; then r=$root; else r=none; fi';
  assert.equal(valueAfter(script, 'r', { 'boot/marker': 'x' }), 'MOUNT=/boot');
  assert.equal(valueAfter(script, 'r'), 'none');
});

test('several initrds, old names of commands, device trees, devices in paths', () => {
  const [linux] = linuxOf(
    'menuentry a { linux16 ($root)/v a\ninitrdefi /ucode (hd1)/initrd\ndevicetree /b.dtb }',
  );
  assert.deepEqual(linux, {
    image: '(MOUNT=/)/v',
    initrds: ['(MOUNT=/)/ucode', '(hd1)/initrd'],
    commandLine: 'a',
    deviceTree: '(MOUNT=/)/b.dtb',
  });
});

test('arguments with blanks are quoted as GRUB hands them over', () => {
  const [linux] = linuxOf(`menuentry a { linux /v a="b c" 'd"e' }`);
  assert.equal(linux?.commandLine, '"a=b c" d\\"e');
});

test('the environment block is loaded as a whole, in part, or from another file', () => {
  const files = {
    'boot/grub/grubenv': '# GRUB Environment Block\nsaved_entry=two\nother=1\n',
    'boot/grub/env2': '# GRUB Environment Block\nsaved_entry=three\n',
  };
  assert.equal(valueAfter('load_env', 'other', files), '1');
  assert.equal(valueAfter('load_env saved_entry', 'other', files), undefined);
  assert.equal(valueAfter('load_env --file $prefix/env2', 'saved_entry', files), 'three');
  assert.equal(valueAfter('if load_env -f /none; then r=y; else r=n; fi', 'r', files), 'n');
  assert.equal(valueAfter('if [ -s $prefix/grubenv ]; then r=y; fi', 'r', files), 'y');
});

test('included files run in place, and one that includes itself comes to an end', () => {
  const files = { 'boot/grub/custom.cfg': 'c=1\n', 'boot/grub/loop.cfg': 'n=x$n\nsource $prefix/loop.cfg\n' };
  assert.equal(valueAfter('source $prefix/custom.cfg; d=$c', 'd', files), '1');
  const { notes } = runScript('source $prefix/loop.cfg', files);
  assert.deepEqual(notes, ['the GRUB configuration nests deeper than 150']);
});

test('regexp sets variables from groups, eval runs text', () => {
  assert.equal(valueAfter('regexp --set=1:a --set 2:b "(.*),(.*)" hd0,gpt2', 'b'), 'gpt2');
  assert.equal(valueAfter('if regexp "^x" y; then r=1; else r=0; fi', 'r'), '0');
  assert.equal(valueAfter('eval "a=1; b=2"', 'b'), '2');
});

test('blscfg puts boot loader entries into the menu at its place', () => {
  const { items } = runScript('menuentry a { linux /v }\nblscfg\nmenuentry b { linux /w }');
  assert.deepEqual(
    items.map(({ kind, id }) => `${kind} ${id}`),
    ['entry a', 'bls two', 'bls one', 'entry b'],
  );
});

test('an entry that starts something else has no kernel; unknown commands are noted once', () => {
  const { items, notes } = runScript(
    'menuentry w { insmod chain; chainloader /EFI/win.efi }\nfrobnicate a\nfrobnicate b',
  );
  assert.equal(items[0]?.kind === 'entry' && items[0].linux, undefined);
  assert.deepEqual(notes, [
    'line 2: khop does not know GRUB\'s command "frobnicate"',
    'line 3: khop does not know GRUB\'s command "frobnicate"',
  ]);
});

test('files that GRUB would pack into an initrd are a problem of the entry', () => {
  const { items } = runScript('menuentry a { linux /v\ninitrd /i newc:etc/x:/x }');
  assert.ok(items[0]?.kind === 'entry' && /newc:etc\/x/.test(items[0].problems.join()));
});

test('what does not end is cut off, and what the menu holds by then stays', () => {
  const loop = runScript('menuentry a { linux /v }\nwhile true; do true; done\nmenuentry b { linux /w }');
  assert.deepEqual(
    loop.items.map(({ id }) => id),
    ['a'],
  );
  assert.match(loop.notes.join(), /does not come to an end/);
  const entry = runScript('menuentry a { linux /v\nwhile true; do true; done }\nmenuentry b { linux /w }');
  assert.ok(
    entry.items[0]?.kind === 'entry' && /does not come to an end/.test(entry.items[0].problems.join()),
  );
  assert.ok(entry.items[1]?.kind === 'entry' && entry.items[1].problems.length === 0);
});

test('hostile growth is bounded: words, recursion, entries, submenus, variables', () => {
  const scripts = [
    `a=xxxxxxxxxxxxxxxx\nwhile true; do a="$a$a"; done`,
    'function f { f; f }\nf',
    'while true; do menuentry a { linux /v }; done',
    'function f { submenu s { f; f } }\nf',
    'n=0; while true; do increment n; eval "v$n=1"; menuentry a { linux /v }; done',
    `for i in ${'a '.repeat(50_000)}; do for j in ${'b '.repeat(1000)}; do true; done; done`,
    'submenu s { configfile $prefix/grub.cfg }',
    `regexp "${'(a*)'.repeat(200)}" "${'a'.repeat(5000)}"`,
  ];
  const took = processorTimeMs(() => {
    for (const script of scripts)
      runScript(script, { 'boot/grub/grub.cfg': 'submenu s { configfile $prefix/grub.cfg }' });
  });
  assert.ok(took < 20_000, `${took} ms`);
});

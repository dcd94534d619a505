import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tokenize } from '../../../src/kernels/grub/lexer.ts';
import { parseGrubScript } from '../../../src/kernels/grub/parser.ts';

/** Words as text, a variable as <name>; quoted parts in the same way as bare ones. */
function words(text: string): string[] {
  return tokenize(text).flatMap((token) =>
    token.kind === 'word'
      ? [token.word.map((part) => (part.kind === 'text' ? part.text : `<${part.name}>`)).join('')]
      : [],
  );
}

test('quotes, escapes and variables make words as the manual says', () => {
  assert.deepEqual(words(`a 'b $c "d"' "e $f \${g}h"`), ['a', 'b $c "d"', 'e <f> <g>h']);
  assert.deepEqual(words('a\\ b \\$c "\\$d \\" \\\\ \\n"'), ['a b', '$c', '$d " \\ \\n']);
  assert.deepEqual(words('x$1y $? $# "$@" $10'), ['x<1>y', '<?>', '<#>', '<@>', '<10>']);
  assert.deepEqual(words('$"translated $x" $ $-'), ['translated <x>', '$', '$-']);
});

test('comments begin words only, and lines go on after a back-slash', () => {
  assert.deepEqual(words('a#b #c d\ne\\\nf \\\n g'), ['a#b', 'ef', 'g']);
  assert.deepEqual(words("'a\nb'"), ['a\nb']);
});

test('braces, semicolons and line breaks are tokens of their own', () => {
  assert.deepEqual(
    tokenize('a{b};c\n|').map((token) => token.kind),
    ['word', '{', 'word', '}', 'end', 'word', 'end', 'operator', 'end-of-file'],
  );
});

test('a problem names its line, and what follows is still read', () => {
  const { script, problems } = parseGrubScript('set a=1\nfi x\n\nset b=2\n');
  assert.equal(script.length, 2);
  assert.deepEqual(problems, [{ line: 2, message: 'expected a command, found "fi"' }]);
});

test('a quote that is not closed is a problem of its line', () => {
  assert.deepEqual(parseGrubScript('a\nb "c\nd').problems, [{ line: 2, message: 'a " is not closed' }]);
  assert.deepEqual(parseGrubScript("\n'c\nd").problems, [{ line: 2, message: "a ' is not closed" }]);
  assert.deepEqual(parseGrubScript(`\${1x}`).problems, [{ line: 1, message: '"${" names no variable' }]);
});

test('what a statement lacks is named', () => {
  const messageFor = (text: string) => parseGrubScript(text).problems[0]?.message;
  assert.equal(messageFor('if true; x'), 'expected "then", found end-of-file');
  assert.equal(messageFor('if true; then x'), 'expected "elif" or "else" or "fi", found end-of-file');
  assert.equal(messageFor('for a b; do x; done'), 'expected "in", found "b"');
  assert.equal(messageFor('function { x }'), 'expected the name of a function, found {');
  assert.equal(messageFor('menuentry a {'), 'expected "}", found end-of-file');
  assert.equal(messageFor('a | b'), 'expected the end of the command, found operator');
});

test('nesting without end is a problem, not an overflow of the stack', () => {
  for (const text of ['if '.repeat(50_000), 'a { '.repeat(50_000), 'function f { '.repeat(50_000)])
    assert.ok(parseGrubScript(text).problems.some(({ message }) => /nested deeper/.test(message)));
});

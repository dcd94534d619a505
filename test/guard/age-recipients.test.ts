import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import { readRecipients } from '../../src/guard/age-recipients.ts';
import { quietWorld } from '../support/switch-world.ts';
import { buildTree } from '../support/tree-builder.ts';

/** Of pairs that age-keygen made for this test. */
const KEY = 'age19e2g9m47lcm5j78lmsf3qqwg5e2lx6ghg8etffqlg6nftgrkwdgsx5q9dv';
const OTHER = 'age1cn00n0e4ru9pfxs9lrdethlzy0gqn2crqj2jdc4mu64fv28tmadqj2c8rk';

test('keys are taken from words and from files as age has them, each once', () => {
  using tree = buildTree({ keys: `# for the team\n\n${OTHER}\r\n  ${KEY}\n` });
  const world = quietWorld(tree.root);
  assert.deepEqual(readRecipients(world, []), []);
  assert.deepEqual(readRecipients(world, [KEY]), [KEY]);
  assert.deepEqual(readRecipients(world, [KEY, `${tree.root}/keys`]), [KEY, OTHER]);
});

test('what is no public key is refused with the reason, and a secret one is not shown', () => {
  using tree = buildTree({ empty: '# nothing\n', ssh: 'ssh-ed25519 AAAA\n' });
  const world = quietWorld(tree.root);
  const refusal = (word: string): KhopError => {
    try {
      readRecipients(world, [word]);
    } catch (error) {
      assert.ok(error instanceof KhopError);
      return error;
    }
    return assert.fail(`${word} was taken`);
  };
  for (const [word, code, message] of [
    [`${KEY.slice(0, -1)}w`, 'E_USAGE', /checksum is wrong/],
    [KEY.slice(0, 40), 'E_USAGE', /is no public key of age/],
    [KEY.toUpperCase(), 'E_USAGE', /does not begin with age1/],
    [`${KEY},${OTHER}`, 'E_USAGE', /is no public key of age/],
    ['age1w3jhxaq5fz9xk', 'E_USAGE', /is no public key of age/],
    [`${tree.root}/empty`, 'E_USAGE', /holds no public key/],
    [`${tree.root}/ssh`, 'E_USAGE', /does not begin with age1/],
    [`${tree.root}/none`, 'E_NOT_FOUND', /no file of them/],
  ] as const) {
    const { code: found, message: said } = refusal(word);
    assert.equal(found, code, word);
    assert.match(said, message);
  }
  const secret = refusal('AGE-SECRET-KEY-1QQQQ');
  assert.match(secret.message, /a secret key/);
  assert.doesNotMatch(`${secret.message}${secret.hint}`, /QQQQ/);
});

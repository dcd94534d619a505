import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ELF_TYPES, parseElf } from '../../../src/formats/elf.ts';
import { findElfSection } from '../../../src/formats/elf-sections.ts';
import { parseModule } from '../../../src/formats/module-file.ts';
import { withHangingNotifier } from '../../../tools/chaos/trial/hanging-module.ts';
import { buildElf } from '../../support/elf-writer.ts';
import { signModule } from '../../support/module-builder.ts';

/** `call __fentry__; push %r12; mov $pers_lock, %rdi; push %rbp`, as Debian's 6.12 begins. */
const BEGIN = 'e800000000415448c7c70000000055';
/** `mov $1000, %edi; call msleep`, and `pop %rbx; xor %eax, %eax` behind it. */
const END = 'bfe8030000e8000000005b31c0';

function buildDonor(text: string): Uint8Array {
  return buildElf({
    type: ELF_TYPES.relocatable,
    sections: [
      { name: '.text', bytes: Buffer.from(text, 'hex') },
      { name: '.modinfo', bytes: Buffer.from('name=md_mod\0') },
    ],
  });
}

test('the notifier goes to its sleep as soon as it is called, and from there to it again', () => {
  const donor = buildDonor(`90f30f1efa${BEGIN}9090${END}`);
  const made = withHangingNotifier(signModule(donor, Buffer.alloc(300, 7)));
  assert.equal(parseModule(made).signature, undefined);
  assert.equal(made.length, donor.length);
  const text = Buffer.from(findElfSection(parseElf(made), '.text')!.bytes);
  // 0x07 to the sleep, and 12 bytes back.
  assert.equal(
    text.toString('hex'),
    `90f30f1efae800000000e9070000000000000055${'9090'}bfe8030000e800000000ebf4c0`,
  );
});

test('a module that is built in another way is refused', () => {
  for (const text of [BEGIN, END, `${BEGIN}${'90'.repeat(300)}${END}`, `${BEGIN}${END}${END}`])
    assert.throws(() => withHangingNotifier(buildDonor(text)), { code: 'E_FORMAT', message: /md-mod/ });
});

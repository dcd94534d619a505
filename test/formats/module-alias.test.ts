import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ModuleAliases,
  normalizeAlias,
  parseModuleAliases,
  parseSoftDependencies,
} from '../../src/formats/module-alias.ts';

/** Lines of Debian's 6.1 modules.alias. */
const TEXT = `# Aliases extracted from modules themselves.
alias pci:v00001AF4d*sv*sd*bc*sc*i* virtio_pci
alias pci:v*d*sv*sd*bc01sc06i01* ahci
alias pci:v00008086d00002922sv*sd*bc*sc*i* ahci
alias virtio:d00000002v* virtio_blk
alias usb:v*p*d*dc*dsc*dp*ic03isc*ip*in* usbhid
alias usb:v0424p78[0-9A-F]*d*dc*dsc*dp*ic*isc*ip*in* example_range
alias hid:b0003g*v*p* hid-generic
alias acpi*:PNP0C0A:* battery
alias cpu:type:x86,ven*fam*mod*:feature:*0081* aesni-intel
alias crypto-crc32c crc32c-intel
alias crypto-crc32c crc32c_generic
alias fs-ext4 ext4
options nothing at=all
`;
const ALIASES = new ModuleAliases(parseModuleAliases(TEXT));

const DEVICES: readonly (readonly [what: string, modalias: string, modules: readonly string[]])[] = [
  ['a disk', 'virtio:d00000002v00001AF4', ['virtio_blk']],
  ['a PCI function', 'pci:v00001AF4d00001042sv00001AF4sd00001100bc01sc00i00', ['virtio_pci']],
  ['a controller by class and by id', 'pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01', ['ahci']],
  ['another vendor’s by class', 'pci:v00001B21d00000612sv00001043sd000084B7bc01sc06i01', ['ahci']],
  ['a mouse', 'usb:v0627p0001d0000dc00dsc00dp00ic03isc01ip02in00', ['usbhid']],
  ['inside a range', 'usb:v0424p780Ad0000dc00dsc00dp00icFFisc00ip00in00', ['example_range']],
  ['outside of it', 'usb:v0424p79GAd0000dc00dsc00dp00icFFisc00ip00in00', []],
  ['a battery', 'acpi:PNP0C0A:', ['battery']],
  ['a battery by its driver core', 'acpi-x:PNP0C0A:PNP0C0A:', ['battery']],
  ['a processor', 'cpu:type:x86,ven0000fam0006mod003A:feature:,0000,0081,0099', ['aesni_intel']],
  ['a processor without AES', 'cpu:type:x86,ven0000fam0006mod003A:feature:,0000,0099', []],
  ['an algorithm', 'crypto-crc32c', ['crc32c_intel', 'crc32c_generic']],
  ['a file system', 'fs_ext4', ['ext4']],
  ['nothing', '', []],
  ['another case', 'PCI:v00001AF4d00001042sv00001AF4sd00001100bc01sc00i00', []],
];

for (const [what, modalias, modules] of DEVICES)
  test(`the modules for ${what} are found`, () => {
    assert.deepEqual(ALIASES.modulesFor(modalias), modules);
  });

test('dashes are underscores, except in brackets', () => {
  assert.equal(normalizeAlias('snd-card-[0-9]-x'), 'snd_card_[0-9]_x');
  const ranged = new ModuleAliases([{ pattern: 'usb-[0-3]', module: 'a' }]);
  assert.deepEqual(ranged.modulesFor('usb_2'), ['a']);
  assert.deepEqual(ranged.modulesFor('usb-4'), []);
});

test('soft dependencies of one module add up, whichever file they are in', () => {
  const found = parseSoftDependencies(
    '# comment\nsoftdep uhci-hcd pre: ehci-hcd\nsoftdep btrfs pre: sha256 post: raid6_pq\nsoftdep btrfs pre: crypto-crc32c\nsoftdep\n',
  );
  assert.deepEqual(
    [...found],
    [
      ['uhci_hcd', { before: ['ehci_hcd'], after: [] }],
      ['btrfs', { before: ['sha256', 'crypto_crc32c'], after: ['raid6_pq'] }],
    ],
  );
});

import { testPackedVmlinux } from '../support/packed-vmlinux.ts';
import { testChain } from '../support/switch-chain.ts';

/** To each kernel, by each method, and from each kernel. */
testChain(
  'a chain of ten switches under ovmf loses nothing on its way, and ends with the machine it began with',
  [
    ['6.12', 'segments'],
    ['6.1', 'file'],
    ['7.2', 'segments'],
    ['6.12', 'file'],
    ['7.2', 'file'],
    ['7.2', 'segments'],
    ['6.1', 'segments'],
    ['6.12', 'file'],
    ['6.12', 'segments'],
    ['6.1', 'file'],
  ],
);

for (const line of ['6.1', '6.12'] as const) testPackedVmlinux(line, 'ovmf');

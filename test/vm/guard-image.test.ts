import { testOtherPanicKernel } from '../support/other-panic-kernel.ts';

const BOTH = ['-p', '-p -s'];

testOtherPanicKernel({ kernel: '6.1', flavour: 'amd64', call: 'segments', loads: BOTH });
testOtherPanicKernel({ kernel: '7.2', flavour: 'amd64', call: 'segments', loads: BOTH });

import { testOtherPanicKernel } from '../support/other-panic-kernel.ts';

// The other kernels: test/chaos/guard-image.test.ts.
testOtherPanicKernel({ kernel: '7.2', flavour: 'amd64', call: 'segments', loads: ['-p', '-p -s'] });

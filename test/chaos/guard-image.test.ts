/**
 * More kernels that show whose panic kernel is loaded than test/vm has time for.
 * @module
 */
import { testOtherPanicKernel } from '../support/other-panic-kernel.ts';

testOtherPanicKernel({ kernel: '6.1', flavour: 'amd64', call: 'file', loads: ['-p -s'] });
testOtherPanicKernel({ kernel: '6.1', flavour: 'amd64', call: 'segments', loads: ['-p', '-p -s'] });
testOtherPanicKernel({ kernel: '6.12', flavour: 'amd64', call: 'segments', loads: ['-p', '-p -s'] });
// It has no kexec_file_load.
testOtherPanicKernel({ kernel: '6.12', flavour: 'arm64', call: 'segments', loads: ['-p'] });

/**
 * What a static program was started with, and other processes. The initial stack: System V ABI, "Process
 * Initialization".
 * @module
 */
import { load, type SystemCall, sys, type Term } from '../terms.ts';
import { LINUX } from './linux.ts';

/** sizeof(sigset_t) of the kernel, bytes. */
export const SIGNAL_SET_SIZE = 8;

/** Arguments, the program's name included. `stack` is what the first function is called with. */
export function argumentCount(stack: Term): Term {
  return load.u64(stack);
}

/** Address of the addresses of the arguments, as execve takes it. */
export function argumentsOf(stack: Term): Term {
  return [stack, '+', 8];
}

/** Address of the addresses of the environment, as execve takes it: behind the arguments and their 0. */
export function environmentOf(stack: Term): Term {
  return [[stack, '+', 16], '+', [argumentCount(stack), '*', 8]];
}

/** Makes a child, which goes on at the same place: 0 there, its number here. */
export function fork(): SystemCall {
  return sys.clone(LINUX.SIGCHLD);
}

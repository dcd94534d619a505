import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  WDIOC_KEEPALIVE,
  WDIOC_SETTIMEOUT,
} from '../../../../src/formats/static-program/library/watchdog-requests.ts';

/** asm-generic/ioctl.h: 2 bits of direction, 14 of size, 8 of type, 8 of number. */
const READ = 2;
const WRITE = 1;
const request = (direction: number, number: number) =>
  ((direction << 30) | (4 << 16) | ('W'.charCodeAt(0) << 8) | number) >>> 0;

test('requests of watchdogs are composed as the kernel composes them', () => {
  assert.equal(WDIOC_KEEPALIVE, request(READ, 5));
  assert.equal(WDIOC_SETTIMEOUT, request(READ | WRITE, 6));
});

/**
 * VMCOREINFO in the capture program: lines of `KEY=value` by which a kernel describes itself to who reads its
 * memory (Documentation/admin-guide/kdump/vmcoreinfo.rst). Keys are given with their `=`.
 * @module
 */
import { fn } from '../../formats/static-program/functions.ts';
import { copyBytes } from '../../formats/static-program/library/memory.ts';
import { decimalAt, findValue, hexAt } from '../../formats/static-program/library/text.ts';
import { giveBack, set, store, when } from '../../formats/static-program/statements.ts';
import { load, zeroed } from '../../formats/static-program/terms.ts';

/** The kernel's own limit is a page; two have been seen. */
export const VMCOREINFO_ROOM = 0x4000;

/** The text and its length; empty when the dump has none. */
export const vmcoreinfo = zeroed(VMCOREINFO_ROOM);
export const vmcoreinfoSize = zeroed(8);

/** Takes `size` bytes at `address` as the text. */
export const keepVmcoreinfo = fn('keepVmcoreinfo', ['address', 'size'], [], ({ address, size }) => [
  when([size, '>u', VMCOREINFO_ROOM], [set(size, VMCOREINFO_ROOM)]),
  copyBytes(vmcoreinfo, address, size),
  store.u64(vmcoreinfoSize, size),
]);

/** The address of what stands behind a key; 0 when there is no such line. */
export const keyAt = fn('keyAt', ['key'], [], ({ key }) => [
  giveBack(findValue(vmcoreinfo, load.u64(vmcoreinfoSize), key)),
]);

/** The decimal value of a key, `OFFSET()`, `SIZE()`, `NUMBER()`, perhaps negative; 0 when there is none. */
export const numberOf = fn('numberOf', ['key'], ['at'], ({ key, at }) => [
  set(at, keyAt(key)),
  when([at, '&&', [load.u8(at), '==', 45]], [giveBack([0, '-', decimalAt([at, '+', 1])])]),
  giveBack(decimalAt(at)),
]);

/** The hexadecimal value of a key, `SYMBOL()`; 0 when there is none. */
export const symbolOf = fn('symbolOf', ['key'], [], ({ key }) => [giveBack(hexAt(keyAt(key)))]);

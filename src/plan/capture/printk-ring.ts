/**
 * The kernel log of the kernel that died, as text: struct printk_ringbuffer, since Linux 5.10
 * (kernel/printk/printk_ringbuffer.h). Where its parts lie and how large they are is in VMCOREINFO.
 *
 * A record that is not complete is left out, and so is one whose text was overwritten: the log of a kernel that
 * died in the middle of a line ends with the line before it.
 * @module
 */
import { fn } from '../../formats/static-program/functions.ts';
import {
  giveBack,
  leaveLoop,
  loopWhile,
  nextRound,
  set,
  store,
  when,
} from '../../formats/static-program/statements.ts';
import { load, type Term, type Zeroed, zeroed } from '../../formats/static-program/terms.ts';
import { fetch, wordAt } from './crashed-memory.ts';
import { putByte, putDecimal, putText } from './log-text.ts';
import { numberOf, symbolOf } from './vmcoreinfo-keys.ts';

/** Of a state word the highest two bits are the state, the others the id. */
const ID_MASK = (1n << 62n) - 1n;
const COMMITTED = 1;
const FINALIZED = 2;
/** A record's text begins behind the id word of its block. */
const ID_WORD = 8;
/** LOG_LINE_MAX and more: printk's own buffers are 1 to 2 KiB. */
const TEXT_ROOM = 0x2000;
const INFO_ROOM = 256;
/**
 * Records that are looked at, the newest ones: only rings of 64 MiB and more have more, whose end has the panic, and a
 * damaged one must not hold up the way home.
 */
const MOST_RECORDS = 1 << 20;

const descriptor = zeroed(INFO_ROOM);
const info = zeroed(INFO_ROOM);
const text = zeroed(TEXT_ROOM);

/** What VMCOREINFO says once, since it is asked for every record. */
const LAYOUT = {
  descRing: 'OFFSET(printk_ringbuffer.desc_ring)=',
  textRing: 'OFFSET(printk_ringbuffer.text_data_ring)=',
  countBits: 'OFFSET(prb_desc_ring.count_bits)=',
  descs: 'OFFSET(prb_desc_ring.descs)=',
  infos: 'OFFSET(prb_desc_ring.infos)=',
  headId: 'OFFSET(prb_desc_ring.head_id)=',
  tailId: 'OFFSET(prb_desc_ring.tail_id)=',
  sizeBits: 'OFFSET(prb_data_ring.size_bits)=',
  data: 'OFFSET(prb_data_ring.data)=',
  descSize: 'SIZE(prb_desc)=',
  state: 'OFFSET(prb_desc.state_var)=',
  block: 'OFFSET(prb_desc.text_blk_lpos)=',
  begin: 'OFFSET(prb_data_blk_lpos.begin)=',
  next: 'OFFSET(prb_data_blk_lpos.next)=',
  infoSize: 'SIZE(printk_info)=',
  time: 'OFFSET(printk_info.ts_nsec)=',
  length: 'OFFSET(printk_info.text_len)=',
} as const;

const known = Object.fromEntries(Object.keys(LAYOUT).map((name) => [name, zeroed(8)])) as Readonly<
  Record<keyof typeof LAYOUT, Zeroed>
>;

function layout(name: keyof typeof LAYOUT): Term {
  return load.u64(known[name]);
}

const readLayout = fn('readLayout', [], [], () =>
  Object.entries(LAYOUT).map(([name, key]) => store.u64(known[name as keyof typeof LAYOUT], numberOf(key))),
);

/** Where the ring's parts are, in the memory of the kernel that died, and how large they are. */
const ring = {
  descriptors: zeroed(8),
  infos: zeroed(8),
  countBits: zeroed(8),
  data: zeroed(8),
  dataBits: zeroed(8),
};

/** Writes every record that can be read. Gives back how many; 0 when this is no such kernel. */
export const writeKernelLog = fn('writeKernelLog', [], ['base', 'id', 'head', 'count', 'rounds'], (v) => [
  set(v.base, symbolOf('SYMBOL(prb)=')),
  when([v.base, '==', 0], [giveBack(0)]),
  readLayout(),
  set(v.base, wordAt(v.base)),
  set(v.id, openRing([v.base, '+', layout('descRing')])),
  openText([v.base, '+', layout('textRing')]),
  when([[layout('descSize'), '>u', INFO_ROOM], '||', [layout('infoSize'), '>u', INFO_ROOM]], [giveBack(0)]),
  set(v.head, [wordAt([[v.base, '+', layout('descRing')], '+', layout('headId')]), '&', ID_MASK]),
  when(
    [[[v.head, '-', v.id], '&', ID_MASK], '>=u', MOST_RECORDS],
    [set(v.id, [[v.head, '-', MOST_RECORDS - 1], '&', ID_MASK])],
  ),
  loopWhile(
    [v.rounds, '<', MOST_RECORDS],
    [
      set(v.count, [v.count, '+', writeRecord(v.id)]),
      when([v.id, '==', v.head], [leaveLoop]),
      set(v.id, [[v.id, '+', 1], '&', ID_MASK]),
      set(v.rounds, [v.rounds, '+', 1]),
    ],
  ),
  giveBack(v.count),
]);

/** Reads struct prb_desc_ring at `at`. Gives back the id of the oldest record. */
const openRing = fn('openRing', ['at'], [], (v) => [
  store.u64(ring.descriptors, wordAt([v.at, '+', layout('descs')])),
  store.u64(ring.infos, wordAt([v.at, '+', layout('infos')])),
  store.u64(ring.countBits, [wordAt([v.at, '+', layout('countBits')]), '&', 0x1f]),
  giveBack([wordAt([v.at, '+', layout('tailId')]), '&', ID_MASK]),
]);

/** Reads struct prb_data_ring at `at`. */
const openText = fn('openText', ['at'], [], (v) => [
  store.u64(ring.data, wordAt([v.at, '+', layout('data')])),
  store.u64(ring.dataBits, [wordAt([v.at, '+', layout('sizeBits')]), '&', 0x1f]),
]);

/** Writes one record. Gives back 1, or 0 when it cannot be read. */
const writeRecord = fn('writeRecord', ['id'], ['index', 'state', 'length'], (v) => [
  set(v.index, [v.id, '&', [[1, '<<', load.u64(ring.countBits)], '-', 1]]),
  when(
    fetch(
      [load.u64(ring.descriptors), '+', [v.index, '*', layout('descSize')]],
      descriptor,
      layout('descSize'),
    ),
    [giveBack(0)],
  ),
  set(v.state, load.u64([descriptor, '+', layout('state')])),
  when([[v.state, '&', ID_MASK], '!=', v.id], [giveBack(0)]),
  set(v.state, [v.state, '>>', 62]),
  when([[v.state, '!=', COMMITTED], '&&', [v.state, '!=', FINALIZED]], [giveBack(0)]),
  when(fetch([load.u64(ring.infos), '+', [v.index, '*', layout('infoSize')]], info, layout('infoSize')), [
    giveBack(0),
  ]),
  set(v.length, fetchText([descriptor, '+', layout('block')])),
  when([v.length, '<', 0], [giveBack(0)]),
  writeLines(v.length),
  giveBack(1),
]);

/** Fetches the text of the block whose positions are at `block`. Gives back its length, or -1 when it is lost. */
const fetchText = fn('fetchText', ['block'], ['begin', 'next', 'size', 'length', 'room'], (v) => [
  set(v.begin, load.u64([v.block, '+', layout('begin')])),
  set(v.next, load.u64([v.block, '+', layout('next')])),
  // Without data: an empty line has 3 in both, a record whose text did not fit or was overwritten 1.
  when(
    [[v.begin, '&', 1], '&&', [v.next, '&', 1]],
    [giveBack([0, '-', [[v.begin, '!=', 3], '||', [v.next, '!=', 3]]])],
  ),
  set(v.size, [1, '<<', load.u64(ring.dataBits)]),
  // A block never runs over the end of the ring: one that would begins anew at its start.
  when(
    [[v.begin, '>>', load.u64(ring.dataBits)], '!=', [v.next, '>>', load.u64(ring.dataBits)]],
    [
      when(
        [[v.next, '&', [v.size, '-', 1]], '!=', 0],
        [set(v.begin, [v.next, '-', [v.next, '&', [v.size, '-', 1]]])],
      ),
    ],
  ),
  set(v.room, [[v.next, '-', v.begin], '-', ID_WORD]),
  set(v.length, load.u16([info, '+', layout('length')])),
  when([v.length, '>', v.room], [set(v.length, v.room)]),
  when([v.length, '>', TEXT_ROOM], [set(v.length, TEXT_ROOM)]),
  when([v.length, '<', 0], [giveBack(-1)]),
  when(fetch([[load.u64(ring.data), '+', [v.begin, '&', [v.size, '-', 1]]], '+', ID_WORD], text, v.length), [
    giveBack(-1),
  ]),
  giveBack(v.length),
]);

/** Each line of the text gets the stamp of the record, as on a console. */
const writeLines = fn('writeLines', ['length'], ['at', 'letter'], (v) => [
  writeStamp(),
  loopWhile(
    [v.at, '<', v.length],
    [
      set(v.letter, load.u8([text, '+', v.at])),
      set(v.at, [v.at, '+', 1]),
      when([v.letter, '==', 10], [when([v.at, '<', v.length], [putByte(10), writeStamp()]), nextRound]),
      when(
        [
          [[v.letter, '<', 32], '&&', [v.letter, '!=', 9]],
          '||',
          [[v.letter, '>=', 127], '||', [v.letter, '==', 92]],
        ],
        [putText('\\x'), putNibble([v.letter, '>>', 4]), putNibble([v.letter, '&', 15]), nextRound],
      ),
      putByte(v.letter),
    ],
  ),
  putByte(10),
]);

/** `<4>[   12.345678] `, as `dmesg -r` prints it: facility and level, seconds. */
const writeStamp = fn('writeStamp', [], ['nanoseconds', 'at'], (v) => [
  set(v.nanoseconds, load.u64([info, '+', layout('time')])),
  // facility u8, flags:5, level:3 stand between text_len and caller_id; their offsets are not told.
  set(v.at, [[info, '+', layout('length')], '+', 2]),
  putByte(60),
  putDecimal([[load.u8(v.at), '*', 8], '+', [load.u8([v.at, '+', 1]), '>>', 5]], 1, 32),
  putText('>['),
  putDecimal([v.nanoseconds, '/', 1_000_000_000], 5, 32),
  putByte(46),
  putDecimal([[v.nanoseconds, '%', 1_000_000_000], '/', 1000], 6, 48),
  putText('] '),
]);

const putNibble = fn('putNibble', ['value'], [], (v) => [
  putByte([[v.value, '+', 48], '+', [[v.value, '>', 9], '*', 39]]),
]);

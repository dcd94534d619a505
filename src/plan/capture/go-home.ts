/**
 * Leaving the capture kernel: to the known-good kernel that waits in the reservation, or through the firmware.
 * @module
 */
import { fn, type ProgramFunction } from '../../formats/static-program/functions.ts';
import { sleepMs } from '../../formats/static-program/library/clock.ts';
import { readFile } from '../../formats/static-program/library/input.ts';
import { KEXEC_ARCH } from '../../formats/static-program/library/kexec.ts';
import { decimalAt, findValue } from '../../formats/static-program/library/text.ts';
import { giveBack, leaveLoop, loop, set, store, when } from '../../formats/static-program/statements.ts';
import { bytesAt, load, sys, type Term, wordsAt, zeroed } from '../../formats/static-program/terms.ts';
import { say } from './chain.ts';
import { type MemoryReportOrder, memoryReport } from './memory-report.ts';
import type { ReportFile } from './report-files.ts';

/** linux/reboot.h. */
const REBOOT_MAGIC1 = 0xfee1dead;
const REBOOT_MAGIC2 = 672274793;
const REBOOT_RESTART = 0x01234567;
const REBOOT_KEXEC = 0x45584543;

/** One processor's part of /proc/cpuinfo. */
const CPUINFO_ROOM = 0x2000;
const INITIAL_APICID = 'initial apicid\t: ';

/** How to get home without firmware. */
export interface HomeStub {
  /** Physical; the entry is its start. */
  readonly address: bigint;
  /** A multiple of the page size long. */
  readonly bytes: Uint8Array;
  /** Initial APIC id of the processor that the firmware started this machine with; undefined: any will do. */
  readonly bootProcessor: number | undefined;
  /** Undefined: the kernel that comes home looks for no report in memory. */
  readonly report: MemoryReportOrder | undefined;
}

/** What the other parts call. */
export interface WayOut {
  /** Gives the stub to the kernel. Gives back 0 or a negative number. */
  readonly loadHome: ProgramFunction<readonly []>;
  /** Gives it again, with the report as it is now. Gives back 0, or a negative number: then the stub stays as it was. */
  readonly loadReport: ProgramFunction<readonly []>;
  /** To the kernel that waits, or else through the firmware. Does not come back. */
  readonly leave: ProgramFunction<readonly []>;
  /** Does not come back. */
  readonly leaveByFirmware: ProgramFunction<readonly []>;
}

const EBUSY = 16;
/** Together far below the guardian's last wait. */
const MOST_TRIES = 20;
const PAUSE_MS = 100;

/** Two of struct kexec_segment. */
const segments = zeroed(64);
const cpuinfo = zeroed(CPUINFO_ROOM);
const loaded = zeroed(8);

/** Whether the stub is in the kernel. */
export function isHomeLoaded(): Term {
  return load.u64(loaded);
}

/** The initial APIC id of the processor that this kernel runs on; -1 when it is not told. */
const startedOn = fn('startedOn', [], ['size', 'at'], ({ size, at }) => [
  set(size, readFile('/proc/cpuinfo', cpuinfo, CPUINFO_ROOM)),
  when([size, '>', 0], [set(at, findValue(cpuinfo, size, INITIAL_APICID))]),
  when([at, '==', 0], [giveBack(-1)]),
  giveBack(decimalAt(at)),
]);

const leaveByFirmware = fn('leaveByFirmware', [], [], () => [
  sys.reboot(REBOOT_MAGIC1, REBOOT_MAGIC2, REBOOT_RESTART, 0),
]);

/**
 * @param home undefined: only the firmware leads home
 * @param encryptedFiles see `memoryReport`
 */
export function wayOut(home: HomeStub | undefined, encryptedFiles?: readonly ReportFile[]): WayOut {
  return {
    loadHome: fn('loadHome', [], ['processor', 'status'], ({ processor, status }) => {
      if (home === undefined) return [giveBack(-1)];
      const { address, bytes, bootProcessor } = home;
      return [
        ...(bootProcessor === undefined
          ? []
          : [
              set(processor, startedOn()),
              // A kernel on another processor cannot start the one that the firmware used: an INIT restarts the machine.
              when(
                [processor, '!=', bootProcessor],
                [
                  say(
                    'the panic was not on the boot processor, so no kernel goes home from here:',
                    processor,
                  ),
                  giveBack(-1),
                ],
              ),
            ]),
        set(
          status,
          sys.kexec_load(
            address,
            1,
            wordsAt(bytesAt(bytes), bytes.length, address, bytes.length),
            KEXEC_ARCH,
          ),
        ),
        store.u64(loaded, [status, '==', 0]),
        giveBack(status),
      ];
    }),
    loadReport: fn('loadReport', [], [], () => {
      if (home?.report === undefined) return [giveBack(-1)];
      const { address, bytes, report } = home;
      const { write, node } = memoryReport(report, encryptedFiles);
      const { size } = report.room;
      return [
        when([load.u64(loaded), '==', 0], [giveBack(-1)]),
        write(),
        // struct kexec_segment: buf, bufsz, mem, memsz.
        ...[bytesAt(bytes), bytes.length, address, bytes.length, node, size, report.room.address, size].map(
          (word, index) => store.u64([segments, '+', 8 * index], word),
        ),
        giveBack(sys.kexec_load(address, 2, segments, KEXEC_ARCH)),
      ];
    }),
    leave: fn('leave', [], ['status', 'tries'], ({ status, tries }) => [
      // The other process may be in kexec_load at this moment.
      loop([
        set(status, sys.reboot(REBOOT_MAGIC1, REBOOT_MAGIC2, REBOOT_KEXEC, 0)),
        set(tries, [tries, '+', 1]),
        when([[status, '!=', -EBUSY], '||', [tries, '>=', MOST_TRIES]], [leaveLoop]),
        sleepMs(PAUSE_MS),
      ]),
      say('no kernel to go home with, so through the firmware:', status),
      leaveByFirmware(),
    ]),
    leaveByFirmware,
  };
}

/**
 * Every error khop can end with: its exit status and what it means. `docs/errors.md` says the same for
 * people; a test holds the two together and checks that each code is raised somewhere.
 *
 * Exit status: 1 failed with nothing changed, 2 usage, 3 refused by a check, 4 changed and returned.
 * @module
 */

/** What a code stands for. */
export interface ErrorCodeEntry {
  readonly exitStatus: 1 | 2 | 3 | 4;
  readonly meaning: string;
}

export const ERROR_CODES = {
  E_FORMAT: { exitStatus: 1, meaning: 'A file is not what it claims to be: truncated, corrupt or hostile.' },
  E_UNSUPPORTED: { exitStatus: 1, meaning: 'A file is valid, but uses something khop does not handle.' },
  E_USAGE: { exitStatus: 2, meaning: 'The command line or a configuration file cannot be understood.' },
  E_NOT_FOUND: { exitStatus: 1, meaning: 'A file, kernel or entry that was named does not exist.' },
  E_UNREADABLE: { exitStatus: 1, meaning: 'Something khop needs exists, but cannot be read.' },
  E_UNWRITABLE: { exitStatus: 1, meaning: 'Something khop has to write down cannot be written.' },
  E_REFUSED: { exitStatus: 3, meaning: 'A check says that this must not be done on this machine.' },
  E_PLAN: { exitStatus: 3, meaning: 'No safe placement or method exists for this kernel on this machine.' },
  E_SYSCALL: {
    exitStatus: 1,
    meaning: 'A system call failed; the message names it, its arguments and errno.',
  },
  E_TIMEOUT: { exitStatus: 1, meaning: 'Something did not happen before its deadline.' },
  E_CHILD: { exitStatus: 1, meaning: 'A program that khop started failed.' },
  E_STATE: { exitStatus: 1, meaning: 'A state file is damaged, or was written by a newer khop.' },
  E_BUSY: { exitStatus: 1, meaning: 'Another khop or another loader is at work.' },
  E_LAB: { exitStatus: 1, meaning: 'A virtual machine of the lab failed or ended.' },
  E_INTERNAL: { exitStatus: 1, meaning: 'khop itself is wrong; the message holds what a report needs.' },
} as const satisfies Record<string, ErrorCodeEntry>;

export type ErrorCode = keyof typeof ERROR_CODES;

/**
 * The command line of khop: every command, its options and its examples. Man page and completions are made
 * from this object, so a command that is not here does not exist.
 * @module
 */
import { Command } from 'commander';
import { VERSION } from '../version.ts';
import { addBackCommand } from './commands/back.ts';
import { addCheckCommand } from './commands/check.ts';
import { addConfirmCommand } from './commands/confirm.ts';
import { addCrashesCommand } from './commands/crashes.ts';
import { addGuardCommand } from './commands/guard.ts';
import { addHistoryCommands } from './commands/history.ts';
import { addKexecCommand } from './commands/kexec.ts';
import { addLabCommand } from './commands/lab.ts';
import { addListCommand } from './commands/list.ts';
import { addLoadCommands } from './commands/load.ts';
import { addPlanCommand } from './commands/plan.ts';
import { addPrepareCommand } from './commands/prepare.ts';
import { addSwitchCommand } from './commands/switch.ts';
import { addTrialCommand } from './commands/trial.ts';
import { addVmcoreCommand } from './commands/vmcore.ts';
import type { CliContext } from './context.ts';
import { withExamples } from './examples.ts';

/** All of khop's commands. Nothing is read or done until one is parsed. */
export function buildProgram(context: CliContext): Command {
  const program = new Command('khop')
    .description(
      'Switch this running Linux machine to another kernel, without firmware.\n' +
        'Exit status: 0 done, 1 failed with nothing changed, 2 usage, 3 refused by a check,\n' +
        '4 changed and returned.',
    )
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (text) => context.print(text.trimEnd()),
      writeErr: (text) => context.remark(text.trimEnd()),
    })
    .exitOverride();
  addListCommand(program, context);
  addCheckCommand(program, context);
  addPlanCommand(program, context);
  addPrepareCommand(program, context);
  addLoadCommands(program, context);
  addSwitchCommand(program, context);
  addTrialCommand(program, context);
  addConfirmCommand(program, context);
  addBackCommand(program, context);
  addGuardCommand(program, context);
  addHistoryCommands(program, context);
  addVmcoreCommand(program, context);
  addCrashesCommand(program, context);
  addLabCommand(program, context);
  addKexecCommand(program, context);
  for (const command of program.commands) command.copyInheritedSettings(program);
  return withExamples(program, [
    ['khop list', 'show the kernels this machine can be switched to'],
    ['khop check 6.12', 'say beforehand whether a switch will work, touching nothing'],
    ['khop switch 6.12', 'load that kernel, stop the services in order, and jump'],
  ]);
}

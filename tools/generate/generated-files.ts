/**
 * Every generated file of the project, by its path.
 * @module
 */
import { processContext } from '../../src/cli/context.ts';
import { buildProgram } from '../../src/cli/program.ts';
import { bashCompletion } from './bash-completion.ts';
import { describeCommands } from './command-description.ts';
import { fishCompletion } from './fish-completion.ts';
import { manualPage } from './manual-page.ts';
import { zshCompletion } from './zsh-completion.ts';

/** Path below the project's folder to contents. */
export function generatedFiles(): Record<string, string> {
  const commands = describeCommands(buildProgram(processContext()));
  return {
    'man/khop.8': manualPage(commands),
    'completions/khop.bash': bashCompletion(commands),
    'completions/khop.zsh': zshCompletion(commands),
    'completions/khop.fish': fishCompletion(commands),
  };
}

/**
 * The examples of a command: one list feeds `--help`, the man page and the test that runs every example.
 * @module
 */

/** A command line as a person would type it, and what it does in one sentence. */
export type Example = readonly [commandLine: string, explanation: string];

/** The part of commander's Command that examples need; typed and untyped commands both have it. */
interface HelpfulCommand {
  addHelpText(position: 'after', text: string): unknown;
}

const EXAMPLES = new WeakMap<HelpfulCommand, readonly Example[]>();

/** Registers `examples` with `command`, shows them at the end of its `--help`, and returns the command. */
export function withExamples<C extends HelpfulCommand>(command: C, examples: readonly Example[]): C {
  EXAMPLES.set(command, examples);
  command.addHelpText('after', formatExamples(examples));
  return command;
}

/** The examples that were registered with `command`; none when it has none. */
export function examplesOf(command: HelpfulCommand): readonly Example[] {
  return EXAMPLES.get(command) ?? [];
}

function formatExamples(examples: readonly Example[]): string {
  const lines = examples.map(([commandLine, explanation]) => `  ${commandLine}\n      ${explanation}`);
  return `\nExamples:\n${lines.join('\n')}`;
}

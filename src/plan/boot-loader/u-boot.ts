/**
 * The environment of U-Boot, for boards whose boot script takes the command line from `bootargs`. fw_setenv
 * writes it; with two copies in fw_env.config a power cut leaves one of them whole.
 * Specification: U-Boot documentation, "Environment Variables"; tools/env/README.
 * @module
 */
import { KhopError } from '../../error.ts';
import type { UBootState } from '../../kernels/boot-loader-state.ts';
import { changeParameter } from '../command-line.ts';
import type { BootLoaderPlan, PermanentParameter } from './boot-loader-plan.ts';

const ARGUMENTS = 'bootargs';

/** @throws E_UNSUPPORTED when the boot script makes the command line some other way */
export function uBootParameters(
  { variables }: UBootState,
  parameters: readonly PermanentParameter[],
): BootLoaderPlan {
  const before = variables.get(ARGUMENTS);
  if (before === undefined)
    throw new KhopError('E_UNSUPPORTED', `U-Boot's environment has no ${ARGUMENTS}`, {
      hint: 'The boot script of this board makes the command line; change it there.',
    });
  const after = parameters.reduce((line, { name, value }) => changeParameter(line, name, value), before);
  return { steps: after === before ? [] : [setVariable(variables, ARGUMENTS, after)], notes: [] };
}

/** @throws E_UNSUPPORTED without a variable: which one a boot script reads is not standardised */
export function uBootDefault(
  { variables }: UBootState,
  entry: string,
  variable: string | undefined,
): BootLoaderPlan {
  if (variable === undefined)
    throw new KhopError(
      'E_UNSUPPORTED',
      "which variable of U-Boot's environment names the kernel is not known",
      {
        hint: 'Say in khop.conf which variable the boot script of this board reads: u-boot-default = NAME.',
      },
    );
  const isSet = variables.get(variable) === entry;
  return { steps: isSet ? [] : [setVariable(variables, variable, entry)], notes: [] };
}

function setVariable(variables: ReadonlyMap<string, string>, name: string, value: string) {
  const before = variables.get(name);
  const undo = before === undefined ? ['fw_setenv', name] : ['fw_setenv', name, before];
  return { kind: 'run' as const, command: ['fw_setenv', name, value], undo };
}

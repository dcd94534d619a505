/**
 * A catalogue of kernels as text.
 * @module
 */
import type { Kernel, KernelOrigin } from '../../kernels/kernel.ts';
import type { CliContext } from '../context.ts';
import { renderTable } from './table.ts';

/** One row a kernel: marks, id, title, origin; problems below the row they belong to. */
export function renderKernels(kernels: readonly Kernel[], context: Pick<CliContext, 'style'>): string {
  const rows = kernels.map((kernel) => [
    renderMarks(kernel, context),
    kernel.problems.length === 0 ? context.style('bold', kernel.id) : context.style('dim', kernel.id),
    kernel.release ?? '?',
    renderOrigin(kernel.origin),
    kernel.title,
  ]);
  const table = renderTable([['', 'ID', 'RELEASE', 'FROM', 'TITLE'], ...rows]).split('\n');
  const lines = [table[0]!];
  for (const [index, kernel] of kernels.entries()) {
    lines.push(table[index + 1]!);
    for (const problem of kernel.problems)
      lines.push(`     ${context.style('red', 'cannot be used:')} ${problem}`);
  }
  return lines.join('\n');
}

function renderMarks(kernel: Kernel, context: Pick<CliContext, 'style'>): string {
  const marks = [
    kernel.isRunning ? 'running' : '',
    kernel.isDefault ? 'default' : '',
    kernel.isNewest ? 'newest' : '',
  ].filter((mark) => mark !== '');
  return context.style('green', marks.join(','));
}

function renderOrigin(origin: KernelOrigin): string {
  const names: Record<KernelOrigin['kind'], string> = {
    bls: 'BLS entry',
    uki: 'UKI',
    grub: 'GRUB',
    extlinux: 'extlinux',
    'boot-pair': '/boot',
    file: 'file',
    deb: '.deb',
    'build-tree': 'build tree',
  };
  return names[origin.kind];
}

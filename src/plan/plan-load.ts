/**
 * From a request to a plan.
 * @module
 */
import { KhopError } from '../error.ts';
import { joinInitrds } from '../formats/initramfs.ts';
import type { NamedBytes } from '../formats/named-bytes.ts';
import type { ArchitecturePlanner, SegmentLayout, SegmentParts } from './arch/architecture.ts';
import { PLANNERS } from './arch/planners.ts';
import { chooseMethod, directGates, type MethodQuestion } from './choose-method.ts';
import { checkCommandLine } from './command-line.ts';
import type { DirectEntry, KexecSlot, LoadPlan } from './load-plan.ts';
import type { LoadRequest } from './load-request.ts';
import { type UnwrappedImage, unwrapImage } from './unwrap-image.ts';

const DIRECT_REASON =
  'The kernel was unpacked beforehand and is entered directly, which only kexec_load can.';

/** KEXEC_FILE_ON_CRASH. */
const FILE_ON_CRASH = 2;
/** KEXEC_ON_CRASH. */
const ON_CRASH = 1;

/**
 * @throws E_PLAN naming every gate when no method works; E_FORMAT, E_UNSUPPORTED for the image; E_UNREADABLE
 *   when the machine's memory is not known and segments have to be placed
 */
export function planLoad(request: LoadRequest): LoadPlan {
  const { machine, slot } = request;
  const planner = PLANNERS[machine.architecture];
  const image = unwrapImage(request.image);
  const own = request.isInitrdWhole === true ? [] : image.initrds;
  const initrd = joinInitrds([...own, ...request.initrds], request.lastArchives);
  const commandLine = request.commandLine ?? image.commandLine ?? '';
  const question: MethodQuestion = {
    machine,
    slot,
    asked: request.method,
    fileObstacles: fileObstacles(planner, request, image),
    segmentObstacles: planner.segmentObstacles(image, machine),
  };
  const { deviceTree, kept, isKernelHigh, reportRoom, entropy } = request;
  const parts: SegmentParts = {
    ...{ image, initrd, commandLine, deviceTree, machine, slot, kept, isKernelHigh, reportRoom, entropy },
  };
  const direct = tryDirect(planner, request, question, parts);
  const notes = wrappingNotes(image);
  if (direct?.layout !== undefined)
    return segmentsPlan(baseOf(request, DIRECT_REASON, direct.entry), direct.layout, notes, slot);
  const { method, reason } = chooseMethod(question);
  const base = baseOf(request, reason, direct?.entry);
  if (method === 'file') return filePlan(planner, base, { request, image, initrd, commandLine, notes });
  return segmentsPlan(base, planner.planSegments(parts), notes, slot);
}

/** The layout of a direct entry, or why there is none; undefined when nobody asked. */
function tryDirect(
  planner: ArchitecturePlanner,
  { unpacked, machine }: LoadRequest,
  question: MethodQuestion,
  parts: SegmentParts,
): { readonly entry: DirectEntry; readonly layout: SegmentLayout | undefined } | undefined {
  if (unpacked === undefined) return undefined;
  const gates = directGates({
    ...question,
    segmentObstacles: planner.directObstacles(unpacked, machine, parts.commandLine),
  });
  if (gates.length > 0) return { entry: { isUsed: false, obstacles: gates }, layout: undefined };
  try {
    const { layout, kaslrOff } = planner.planDirect(unpacked, parts);
    const entry = { isUsed: true, obstacles: [], ...(kaslrOff === undefined ? {} : { kaslrOff }) };
    return { entry, layout };
  } catch (error) {
    // Above all: no place for it in a small machine's memory. The ordinary way needs less of it.
    if (!(error instanceof KhopError)) throw error;
    const hasNoRoom = error.code === 'E_PLAN';
    return { entry: { isUsed: false, obstacles: [error.message], hasNoRoom }, layout: undefined };
  }
}

function segmentsPlan(
  base: ReturnType<typeof baseOf>,
  layout: SegmentLayout,
  notes: readonly string[],
  slot: KexecSlot,
): LoadPlan {
  return {
    ...base,
    ...layout,
    method: 'segments',
    notes: [...notes, ...layout.notes],
    flags: slot === 'crash' ? ON_CRASH : 0,
  };
}

function baseOf(
  { machine, slot, kernel, image }: LoadRequest,
  reason: string,
  directEntry: DirectEntry | undefined,
) {
  return {
    version: 1,
    architecture: machine.architecture,
    slot,
    reason,
    directEntry,
    kernel: { id: kernel.id, title: kernel.title, release: kernel.release, image: image.name },
  } as const;
}

/** What a file plan has besides its base. */
interface FileParts {
  readonly request: LoadRequest;
  readonly image: UnwrappedImage;
  readonly initrd: NamedBytes | undefined;
  readonly commandLine: string;
  readonly notes: readonly string[];
}

function filePlan(
  planner: ArchitecturePlanner,
  base: ReturnType<typeof baseOf>,
  { request, image, initrd, commandLine, notes }: FileParts,
): LoadPlan {
  checkCommandLine(commandLine, planner.fileCommandLineLimit(image), 'kexec_file_load');
  return {
    ...base,
    method: 'file',
    commandLine,
    memoryMap: planner.expectedMemoryMap(request.machine),
    notes,
    image: image.kernel,
    initrd,
    flags: request.slot === 'crash' ? FILE_ON_CRASH : 0,
    optionalFlags: 0,
  };
}

function fileObstacles(
  planner: ArchitecturePlanner,
  request: LoadRequest,
  image: UnwrappedImage,
): readonly string[] {
  const own = request.deviceTree === undefined ? [] : ['kexec_file_load takes no device tree of one’s own'];
  return [...planner.fileObstacles(image), ...own];
}

function wrappingNotes(image: UnwrappedImage): string[] {
  if (image.wrappings.length === 0) return [];
  const signature = image.wrappings.includes('uki')
    ? '; its signature covers the whole and does not count'
    : '';
  return [`The kernel was taken out of: ${image.wrappings.join(', ')}${signature}.`];
}

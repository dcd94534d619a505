/**
 * From a request to a plan.
 * @module
 */
import { parseBzImage } from '../formats/bzimage.ts';
import { joinInitrds } from '../formats/initramfs.ts';
import { valueOf } from '../machine/reading.ts';
import { chooseMethod } from './choose-method.ts';
import { checkCommandLine } from './command-line.ts';
import type { LoadPlan } from './load-plan.ts';
import type { LoadRequest } from './load-request.ts';
import { type UnwrappedImage, unwrapImage } from './unwrap-image.ts';
import { bzImageObstacles, planBzImageSegments } from './x86-64/bzimage-segments.ts';
import { handedOverMap } from './x86-64/memory-map.ts';

/** KEXEC_FILE_ON_CRASH and KEXEC_ON_CRASH. */
const FILE_ON_CRASH = 2;
/** arch/x86/kernel/kexec-bzimage64.c always keeps room for `elfcorehdr=0x<64-bit> `. */
const ELFCOREHDR_ROOM = 30;
/** COMMAND_LINE_SIZE, arch/arm64/include/uapi/asm/setup.h. */
const ARM64_COMMAND_LINE_SIZE = 2048;

/**
 * @throws E_PLAN naming every gate when no method works; E_FORMAT, E_UNSUPPORTED for the image; E_UNREADABLE
 *   when the machine's memory is not known and segments have to be placed
 */
export function planLoad(request: LoadRequest): LoadPlan {
  const image = unwrapImage(request.image);
  const initrd = joinInitrds([...image.initrds, ...request.initrds]);
  const commandLine = request.commandLine ?? image.commandLine ?? '';
  const { method, reason } = chooseMethod({
    machine: request.machine,
    slot: request.slot,
    asked: request.method,
    fileObstacles: fileObstacles(request, image),
    segmentObstacles: segmentObstacles(request, image),
  });
  const base = {
    version: 1,
    architecture: request.machine.architecture,
    slot: request.slot,
    reason,
    kernel: {
      id: request.kernel.id,
      title: request.kernel.title,
      release: request.kernel.release,
      image: request.image.name,
    },
    commandLine,
  } as const;
  if (method === 'file') {
    checkFileCommandLine(image, commandLine);
    return {
      ...base,
      method,
      memoryMap: mapIfKnown(request),
      notes: wrappingNotes(image),
      image: image.kernel,
      initrd,
      flags: request.slot === 'crash' ? FILE_ON_CRASH : 0,
      optionalFlags: 0,
    };
  }
  const layout = planBzImageSegments({
    kernel: image.kernel,
    initrd,
    commandLine,
    deviceTree: request.deviceTree?.bytes,
    machine: request.machine,
    entropy: request.entropy,
  });
  return {
    ...base,
    method,
    memoryMap: layout.memoryMap,
    notes: [...wrappingNotes(image), ...layout.notes],
    segments: layout.segments,
    entry: layout.entry,
    flags: 0,
    optionalFlags: 0,
  };
}

function fileObstacles(request: LoadRequest, image: UnwrappedImage): string[] {
  const obstacles: string[] = [];
  if (image.kind === 'elf') obstacles.push('kexec_file_load takes no vmlinux');
  const fits = request.machine.architecture === 'arm64' ? 'arm64-image' : 'bzimage';
  if (image.kind !== 'elf' && image.kind !== fits)
    obstacles.push(`the image is for another architecture than ${request.machine.architecture}`);
  if (request.deviceTree !== undefined) obstacles.push('kexec_file_load takes no device tree of one’s own');
  return obstacles;
}

function segmentObstacles(request: LoadRequest, image: UnwrappedImage): string[] {
  if (image.kind !== 'bzimage') return [`khop places segments of a bzImage, and this is a ${image.kind}`];
  if (request.machine.architecture !== 'x86-64')
    return [`the image is for another architecture than ${request.machine.architecture}`];
  if (request.slot === 'crash') return ['khop loads a panic kernel by kexec_file_load'];
  return bzImageObstacles(parseBzImage(image.kernel.bytes), request.machine);
}

function checkFileCommandLine(image: UnwrappedImage, commandLine: string): void {
  const limit =
    image.kind === 'bzimage'
      ? parseBzImage(image.kernel.bytes).commandLineSize - ELFCOREHDR_ROOM
      : ARM64_COMMAND_LINE_SIZE;
  checkCommandLine(commandLine, limit, 'kexec_file_load');
}

/** Only printed for this method, so what cannot be read is left out. */
function mapIfKnown(request: LoadRequest) {
  const { machine } = request;
  const isKnown = machine.iomem.state === 'read' || valueOf(machine.firmwareMap) !== undefined;
  return isKnown ? handedOverMap(machine) : [];
}

function wrappingNotes(image: UnwrappedImage): string[] {
  if (image.wrappings.length === 0) return [];
  const signature = image.wrappings.includes('uki')
    ? '; its signature covers the whole and does not count'
    : '';
  return [`The kernel was taken out of: ${image.wrappings.join(', ')}${signature}.`];
}

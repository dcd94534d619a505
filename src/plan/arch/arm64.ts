/**
 * The planner's answers for arm64.
 * @module
 */
import { parseArm64Image } from '../../formats/arm64-image.ts';
import { arm64ImageObstacles, arm64MemoryMap, planArm64Segments } from '../arm64/image-segments.ts';
import { arm64WayHomeSize, planArm64WayHome } from '../arm64/way-home.ts';
import type { UnwrappedImage } from '../unwrap-image.ts';
import type { ArchitecturePlanner } from './architecture.ts';

/** COMMAND_LINE_SIZE, arch/arm64/include/uapi/asm/setup.h. */
const COMMAND_LINE_SIZE = 2048;

/** An arm64 Image has no decompressor: what is compressed around it is taken off by any loader. */
const NOTHING_TO_UNPACK = 'an arm64 kernel is entered directly by every method';

/** One clause for what is no Image. */
function kindObstacles(image: UnwrappedImage): readonly string[] {
  if (image.kind === 'arm64-image') return [];
  return image.kind === 'elf'
    ? ['the image is an ELF file; on arm64 an Image is loaded']
    : ['the image is for x86-64, and this machine is arm64'];
}

/** arm64. */
export const ARM64: ArchitecturePlanner = {
  fileObstacles: kindObstacles,
  segmentObstacles: (image, machine) =>
    image.kind === 'arm64-image'
      ? arm64ImageObstacles(parseArm64Image(image.kernel.bytes), machine)
      : kindObstacles(image),
  fileCommandLineLimit: () => COMMAND_LINE_SIZE,
  expectedMemoryMap: (machine) => (machine.iomem.state === 'read' ? arm64MemoryMap(machine) : []),
  planSegments: planArm64Segments,
  directObstacles: () => [NOTHING_TO_UNPACK],
  planDirect: (_kernel, parts) => ({ layout: planArm64Segments(parts) }),
  keepHome: { size: arm64WayHomeSize, plan: planArm64WayHome },
};

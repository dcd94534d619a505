/**
 * The stream that `makedumpfile -F` writes to a pipe: pieces of a file, each with the offset it belongs to.
 * Specification: makedumpfile IMPLEMENTATION and makedumpfile.h, struct makedumpfile_header and
 * makedumpfile_data_header; all numbers are big-endian.
 *
 *     0     16  `makedumpfile`, padded with NUL     16  8  type, 1     24  8  version, 1
 *     4096  then pieces: 8 offset, 8 size, data; the end is a piece of offset -1 and size -1
 *
 * Pieces overlap, and a later one wins: makedumpfile writes headers again when it knows the rest.
 * @module
 */
import { ByteReader } from '../byte-reader.ts';
import type { ByteSource } from '../byte-source.ts';
import { indexPieces, type PieceIndex, type StreamPieces } from './piece-index.ts';

const SIGNATURE = Buffer.from('makedumpfile\0\0\0\0', 'latin1');
const HEADER_SIZE = 4096;
const PIECE_HEADER_SIZE = 16;
const END_MARK = (1n << 64n) - 1n;
/** Of 4 KiB each, which makedumpfile writes, they are 128 GiB; each takes some 80 bytes of memory. */
const PIECES_LIMIT = 2 ** 25;

/** The file that the stream describes. */
export interface FlattenedFile extends ByteSource {
  /** Why the stream is not whole; undefined when its end mark is there. */
  readonly problem: string | undefined;
}

/** Whether `source` begins as such a stream. */
export function isFlattened(source: ByteSource): boolean {
  return SIGNATURE.equals(source.read(0, SIGNATURE.length));
}

/**
 * Reads where the pieces are, not the pieces. A place that no piece covers is zero, as in the file that
 * `makedumpfile -R` makes; when the stream is not whole it is a hole instead.
 * @param limit how many pieces are read; what follows them is missing
 * @throws E_FORMAT for another type or version
 */
export function openFlattened(source: ByteSource, limit = PIECES_LIMIT): FlattenedFile {
  const header = new ByteReader(source.read(0, 32), `${source.name}: flattened dump`);
  if (header.u64be(16, 'type') !== 1n) header.fail('type', 16, 'is not 1');
  if (header.u64be(24, 'version') !== 1n) header.fail('version', 24, 'is not 1');
  const { pieces, problem } = readPieces(source, limit);
  const index = indexPieces(pieces);
  return {
    name: source.name,
    size: index.size,
    stored: source.size,
    problem,
    read: (offset, length) => readThrough(source, index, { offset, length, isWhole: problem === undefined }),
  };
}

function readPieces(
  source: ByteSource,
  limit: number,
): { readonly pieces: StreamPieces; readonly problem: string | undefined } {
  const pieces = { starts: [] as number[], lengths: [] as number[], froms: [] as number[] };
  let at = HEADER_SIZE;
  for (;;) {
    const bytes = source.read(at, PIECE_HEADER_SIZE);
    if (bytes.length < PIECE_HEADER_SIZE)
      return { pieces, problem: `the stream is cut off at byte ${at + bytes.length}, before its end mark` };
    const header = new ByteReader(bytes, 'flattened dump');
    const [offset, size] = [header.u64be(0, 'offset'), header.u64be(8, 'buf_size')];
    if (offset === END_MARK && size === END_MARK) return { pieces, problem: undefined };
    if (offset + size > BigInt(Number.MAX_SAFE_INTEGER))
      return {
        pieces,
        problem: `the stream is damaged at byte ${at}: a piece of ${size} bytes at ${offset}`,
      };
    if (pieces.starts.length === limit)
      return { pieces, problem: `the stream has more than ${limit} pieces: it was read up to byte ${at}` };
    at += PIECE_HEADER_SIZE;
    const present = Math.min(Number(size), source.size - at);
    if (present > 0) {
      pieces.starts.push(Number(offset));
      pieces.lengths.push(present);
      pieces.froms.push(at);
    }
    if (present < Number(size))
      return { pieces, problem: `the stream is cut off at byte ${source.size}, within a piece` };
    at += Number(size);
  }
}

function readThrough(
  source: ByteSource,
  index: PieceIndex,
  request: { readonly offset: number; readonly length: number; readonly isWhole: boolean },
): Uint8Array {
  const { offset, isWhole } = request;
  const length = Math.max(0, Math.min(request.length, index.size - offset));
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const { from, length: available } = index.find(offset + at);
    const wanted = Math.min(available, length - at);
    if (from === undefined) {
      if (!isWhole) return bytes.subarray(0, at);
    } else {
      const part = source.read(from, wanted);
      bytes.set(part, at);
      if (part.length < wanted) return bytes.subarray(0, at + part.length);
    }
    at += wanted;
  }
  return bytes;
}

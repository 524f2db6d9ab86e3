/** Large answers, joined piece by piece as their reader takes them: no pause and no copy of the whole. */
import type { ResponseStream } from '@kapella/client';

/** Up to this an answer is made at once. */
const WHOLE_BYTES_MAX = 512 * 1024;
/** Below what allocators map anew each time: pages that are touched first cost more than the copy. */
const PIECE_BYTES = 96 * 1024;
const NEWLINE = 10;

/** `length`: bytes of all parts together. The parts must not change until they were sent. */
export function bodyOfParts(length: number, parts: Iterable<Uint8Array>): Uint8Array | ResponseStream {
  return length <= WHOLE_BYTES_MAX ? joinParts(length, parts) : streamParts(length, parts);
}

export function joinParts(length: number, parts: Iterable<Uint8Array>): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export function withNewline(bytes: Uint8Array): Uint8Array {
  const line = new Uint8Array(bytes.length + 1);
  line.set(bytes, 0);
  line[bytes.length] = NEWLINE;
  return line;
}

/**
 * Pieces that were sent are filled again: the young generation is collected so seldom that fresh ones would be fresh
 * memory each time, which is slower than all the rest of a list.
 */
const sentPieces: Uint8Array[] = [];
const SENT_PIECES_MAX = 64;

function recycle(piece: Uint8Array): void {
  if (sentPieces.length < SENT_PIECES_MAX) sentPieces.push(piece);
}

function streamParts(length: number, parts: Iterable<Uint8Array>): ResponseStream {
  return {
    length,
    start(sink, signal) {
      const pieces = cutPieces(length, parts);
      let isEnded = false;
      const pump = () => {
        while (!signal.aborted && !isEnded) {
          const { done, value } = pieces.next();
          if (done === true) {
            isEnded = true;
            sink.close();
          } else if (!sink.write(value.bytes, value.recycle)) return;
        }
      };
      sink.onDrain(pump);
      pump();
    },
  };
}

interface Piece {
  readonly bytes: Uint8Array;
  /** To be called when nothing reads the bytes any more. */
  readonly recycle: () => void;
}

/** Parts of any size as pieces of equal size, but for the last. */
function* cutPieces(length: number, parts: Iterable<Uint8Array>): Generator<Piece, void> {
  let left = length;
  let piece = nextPiece();
  let room = Math.min(PIECE_BYTES, left);
  let at = 0;
  for (const part of parts) {
    for (let from = 0; from < part.length; ) {
      const count = Math.min(part.length - from, room - at);
      piece.set(part.length === count ? part : part.subarray(from, from + count), at);
      from += count;
      at += count;
      if (at < room) continue;
      const full = piece;
      yield { bytes: room === PIECE_BYTES ? full : full.subarray(0, room), recycle: () => recycle(full) };
      left -= room;
      at = 0;
      room = Math.min(PIECE_BYTES, left);
      if (room > 0) piece = nextPiece();
    }
  }
}

function nextPiece(): Uint8Array {
  return sentPieces.pop() ?? new Uint8Array(PIECE_BYTES);
}

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
          } else if (!sink.write(value)) return;
        }
      };
      sink.onDrain(pump);
      pump();
    },
  };
}

/** Parts of any size as pieces of equal size, but for the last. */
function* cutPieces(length: number, parts: Iterable<Uint8Array>): Generator<Uint8Array, void> {
  let left = length;
  let piece = new Uint8Array(Math.min(PIECE_BYTES, left));
  let at = 0;
  for (const part of parts) {
    for (let from = 0; from < part.length; ) {
      const count = Math.min(part.length - from, piece.length - at);
      piece.set(part.length === count ? part : part.subarray(from, from + count), at);
      from += count;
      at += count;
      if (at < piece.length) continue;
      yield piece;
      left -= at;
      at = 0;
      piece = new Uint8Array(Math.min(PIECE_BYTES, left));
    }
  }
}

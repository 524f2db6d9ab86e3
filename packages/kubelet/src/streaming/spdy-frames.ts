/** SPDY/3.1 framing, both ways, without I/O. Only what remote commands use. Source: the SPDY 3.1 draft, section 2. */

export type SpdyHeaders = ReadonlyMap<string, string>;

export type SpdyFrame =
  | { readonly type: 'data'; readonly streamId: number; readonly fin: boolean; readonly data: Uint8Array }
  | {
      readonly type: 'synStream' | 'synReply' | 'headers';
      readonly streamId: number;
      readonly fin: boolean;
      readonly block: Uint8Array;
    }
  | { readonly type: 'rst'; readonly streamId: number; readonly status: number }
  | { readonly type: 'ping'; readonly id: number }
  | { readonly type: 'goAway'; readonly lastStreamId: number; readonly status: number }
  | { readonly type: 'other'; readonly control: number };

const CONTROL = { synStream: 1, synReply: 2, rst: 3, settings: 4, ping: 6, goAway: 7, headers: 8 } as const;
const FLAG_FIN = 1;
/** A frame above this is no remote command's: the connection is refused. */
const FRAME_BYTES_MAX = 16 << 20;

/** Cuts a byte stream into frames, whatever the chunks. */
export class SpdyParser {
  #pending: Uint8Array = new Uint8Array(0);

  /** Frames completed by this chunk. Throws on a frame that is no SPDY/3 or too large. */
  push(chunk: Uint8Array): SpdyFrame[] {
    let buffer = this.#pending.length === 0 ? chunk : concat(this.#pending, chunk);
    const frames: SpdyFrame[] = [];
    while (buffer.length >= 8) {
      const length = ((buffer[5] as number) << 16) | ((buffer[6] as number) << 8) | (buffer[7] as number);
      if (length > FRAME_BYTES_MAX) throw new Error(`SPDY frame of ${length} bytes, at most ${FRAME_BYTES_MAX}`);
      if (buffer.length < 8 + length) break;
      frames.push(parseFrame(buffer, length));
      buffer = buffer.subarray(8 + length);
    }
    this.#pending = buffer.length === 0 ? buffer : buffer.slice();
    return frames;
  }
}

function parseFrame(buffer: Uint8Array, length: number): SpdyFrame {
  const view = new DataView(buffer.buffer, buffer.byteOffset, 8 + length);
  const fin = ((buffer[4] as number) & FLAG_FIN) !== 0;
  if (((buffer[0] as number) & 0x80) === 0) {
    return { type: 'data', streamId: view.getUint32(0), fin, data: buffer.slice(8, 8 + length) };
  }
  const version = view.getUint16(0) & 0x7fff;
  if (version !== 3) throw new Error(`SPDY version ${version}, expected 3`);
  const control = view.getUint16(2);
  const word = (at: number) => (8 + at + 4 <= 8 + length ? view.getUint32(8 + at) : 0);
  const block = (at: number) => buffer.slice(8 + at, 8 + length);
  switch (control) {
    case CONTROL.synStream:
      return { type: 'synStream', streamId: word(0) & 0x7fffffff, fin, block: block(10) };
    case CONTROL.synReply:
      return { type: 'synReply', streamId: word(0) & 0x7fffffff, fin, block: block(4) };
    case CONTROL.headers:
      return { type: 'headers', streamId: word(0) & 0x7fffffff, fin, block: block(4) };
    case CONTROL.rst:
      return { type: 'rst', streamId: word(0) & 0x7fffffff, status: word(4) };
    case CONTROL.ping:
      return { type: 'ping', id: word(0) };
    case CONTROL.goAway:
      return { type: 'goAway', lastStreamId: word(0) & 0x7fffffff, status: word(4) };
    default:
      return { type: 'other', control };
  }
}

export function dataFrame(streamId: number, data: Uint8Array, fin: boolean): Uint8Array {
  const frame = new Uint8Array(8 + data.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, streamId);
  view.setUint32(4, data.length);
  frame[4] = fin ? FLAG_FIN : 0;
  frame.set(data, 8);
  return frame;
}

/** `block` compressed. */
export function synStreamFrame(streamId: number, block: Uint8Array, fin = false): Uint8Array {
  const frame = controlFrame(CONTROL.synStream, fin ? FLAG_FIN : 0, 10 + block.length);
  new DataView(frame.buffer).setUint32(8, streamId);
  frame.set(block, 18);
  return frame;
}

export function synReplyFrame(streamId: number, block: Uint8Array): Uint8Array {
  const frame = controlFrame(CONTROL.synReply, 0, 4 + block.length);
  new DataView(frame.buffer).setUint32(8, streamId);
  frame.set(block, 12);
  return frame;
}

export function rstFrame(streamId: number, status: number): Uint8Array {
  const frame = controlFrame(CONTROL.rst, 0, 8);
  const view = new DataView(frame.buffer);
  view.setUint32(8, streamId);
  view.setUint32(12, status);
  return frame;
}

export function pingFrame(id: number): Uint8Array {
  const frame = controlFrame(CONTROL.ping, 0, 4);
  new DataView(frame.buffer).setUint32(8, id);
  return frame;
}

function controlFrame(type: number, flags: number, length: number): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(8 + length);
  const view = new DataView(frame.buffer);
  view.setUint16(0, 0x8003);
  view.setUint16(2, type);
  view.setUint32(4, length);
  frame[4] = flags;
  return frame;
}

/** Name/value block before compression: count, then length and bytes of each name and value. */
export function encodeHeaders(headers: SpdyHeaders): Uint8Array {
  const encoder = new TextEncoder();
  const parts = [...headers].flat().map((text) => encoder.encode(text));
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + 4 + part.length, 4));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, headers.size);
  let at = 4;
  for (const part of parts) {
    view.setUint32(at, part.length);
    bytes.set(part, at + 4);
    at += 4 + part.length;
  }
  return bytes;
}

export function decodeHeaders(block: Uint8Array): Map<string, string> {
  const decoder = new TextDecoder();
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  const headers = new Map<string, string>();
  let at = 4;
  const text = () => {
    const length = view.getUint32(at);
    const value = decoder.decode(block.subarray(at + 4, at + 4 + length));
    at += 4 + length;
    return value;
  };
  for (let left = view.getUint32(0); left > 0; left--) {
    const name = text();
    headers.set(name.toLowerCase(), text());
  }
  return headers;
}

/**
 * Wraps header blocks as zlib 'stored' blocks of one stream that names the SPDY dictionary. Valid to every inflater, and
 * needs no compressor state: headers are a few bytes, once a stream.
 */
export class StoredDeflater {
  #started = false;

  wrap(block: Uint8Array): Uint8Array {
    // 0x78 0xbb: deflate, 32 kB window, preset dictionary; then the dictionary's Adler-32.
    const head = this.#started ? [] : [0x78, 0xbb, 0xe3, 0xc6, 0xa7, 0xc2];
    this.#started = true;
    const [low, high] = [block.length & 0xff, block.length >> 8];
    // Inflaters may hold back what they have until an empty block, the mark of a flush.
    const flush = [0, 0, 0, 0xff, 0xff];
    return Uint8Array.from([...head, 0, low, high, ~low & 0xff, ~high & 0xff, ...block, ...flush]);
  }
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}

/** The CRI log format: `TIME STREAM TAGS CONTENT`, a line of the container in one or more pieces. Source: cri-api, logs. */

export interface LogOptions {
  readonly follow: boolean;
  readonly timestamps: boolean;
  /** Lines from the end; undefined: all. */
  readonly tailLines: number | undefined;
  /** Only lines at or after this time, RFC 3339 compared as milliseconds. */
  readonly sinceMs: number | undefined;
  readonly limitBytes: number | undefined;
  readonly stream: 'All' | 'Stdout' | 'Stderr';
}

const SPACE = 0x20;
const NEWLINE = 0x0a;
const [LETTER_O, LETTER_E, LETTER_P] = [0x6f, 0x65, 0x50];
/** `stdout` and `stderr`: as long as each other, told apart by the fourth letter. */
const STREAM_LENGTH = 6;

interface Line {
  /** Where its text begins. */
  readonly contentAt: number;
  readonly timeEnd: number;
  readonly stream: 'Stdout' | 'Stderr';
  /** False: the container's line goes on in the next one, no newline follows. */
  readonly isWhole: boolean;
}

/**
 * Turns pieces of the file, cut anywhere, into what the client is sent. What is sent of a line is never longer than the
 * line, so it is moved together in place: this is the way of every byte that containers log.
 */
export class LogRenderer {
  readonly #options: LogOptions;
  #left: number;
  #inLine = false;
  /** The last line, whose end has not been read yet. */
  #rest = new Uint8Array(0);

  constructor(options: LogOptions) {
    this.#options = options;
    this.#left = options.limitBytes ?? Number.POSITIVE_INFINITY;
  }

  /** True once the byte limit is reached: nothing more is to be read. */
  get full(): boolean {
    return this.#left <= 0;
  }

  /** `chunk` is the renderer's from now on; the answer is a part of it, or of a copy. */
  push(chunk: Uint8Array): Uint8Array {
    const bytes = this.#rest.length === 0 ? chunk : joined(this.#rest, chunk);
    let from = 0;
    let at = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
      at = this.#render(bytes, from, end, at);
      from = end + 1;
    }
    this.#rest = bytes.slice(from);
    const sent = bytes.subarray(0, Math.min(at, this.#left));
    this.#left -= sent.length;
    return sent;
  }

  /** Moves the line between `from` and `end` (its newline) to `at`. Answers the new `at`. */
  #render(bytes: Uint8Array, from: number, end: number, at: number): number {
    const line = parseLine(bytes, from, end);
    if (line === undefined || !this.#isWanted(bytes, from, line)) return at;
    let to = at;
    if (this.#options.timestamps && !this.#inLine) {
      bytes.copyWithin(to, from, line.timeEnd + 1);
      to += line.timeEnd + 1 - from;
    }
    this.#inLine = !line.isWhole;
    const contentEnd = line.isWhole ? end + 1 : end;
    bytes.copyWithin(to, line.contentAt, contentEnd);
    to += Math.max(0, contentEnd - line.contentAt);
    // A line that ends with its tag has no text, but is one.
    if (line.isWhole && line.contentAt > end) bytes[to++] = NEWLINE;
    return to;
  }

  #isWanted(bytes: Uint8Array, from: number, { stream, timeEnd }: Line): boolean {
    const { stream: wanted, sinceMs } = this.#options;
    if (wanted !== 'All' && wanted !== stream) return false;
    return sinceMs === undefined || Date.parse(text(bytes, from, timeEnd)) >= sinceMs;
  }
}

/** undefined when it is none of the format. */
function parseLine(bytes: Uint8Array, from: number, end: number): Line | undefined {
  const timeEnd = spaceIn(bytes, from, end);
  const streamAt = timeEnd + 1;
  const streamEnd = streamAt + STREAM_LENGTH;
  if (timeEnd < 0 || streamEnd >= end || bytes[streamEnd] !== SPACE) return undefined;
  const letter = bytes[streamAt + 3];
  const isStdout = letter === LETTER_O;
  if (!isStdout && letter !== LETTER_E) return undefined;
  const tagEnd = spaceIn(bytes, streamEnd + 1, end);
  const isPart = bytes[streamEnd + 1] === LETTER_P;
  const contentAt = tagEnd < 0 ? end + 1 : tagEnd + 1;
  return { contentAt, timeEnd, stream: isStdout ? 'Stdout' : 'Stderr', isWhole: !isPart };
}

function spaceIn(bytes: Uint8Array, from: number, end: number): number {
  for (let at = from; at < end; at++) if (bytes[at] === SPACE) return at;
  return -1;
}

const text = (bytes: Uint8Array, from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to));

function joined(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(head.length + tail.length);
  bytes.set(head);
  bytes.set(tail, head.length);
  return bytes;
}

/** The query of `/containerLogs`. Returns why it is wrong instead, in upstream's words. */
export function parseLogQuery(query: URLSearchParams, nowMs: number): LogOptions | string {
  const number = (name: string) => {
    const text = query.get(name);
    return text === null || text === '' ? undefined : Number(text);
  };
  const [tailLines, sinceSeconds, limitBytes] = [number('tailLines'), number('sinceSeconds'), number('limitBytes')];
  if (tailLines !== undefined && !(tailLines >= 0)) return 'tailLines: must be greater than or equal to 0';
  if (sinceSeconds !== undefined && !(sinceSeconds >= 1)) return 'sinceSeconds: must be greater than 0';
  if (limitBytes !== undefined && !(limitBytes >= 1)) return 'limitBytes: must be greater than 0';
  const sinceTime = query.get('sinceTime') ?? '';
  const sinceMs = sinceSeconds === undefined ? Date.parse(sinceTime) : nowMs - sinceSeconds * 1000;
  const stream = query.get('stream') ?? 'All';
  return {
    follow: isTrue(query.get('follow')),
    timestamps: isTrue(query.get('timestamps')),
    tailLines,
    sinceMs: Number.isNaN(sinceMs) ? undefined : sinceMs,
    limitBytes,
    stream: stream === 'Stdout' || stream === 'Stderr' ? stream : 'All',
  };
}

export function isTrue(value: string | null): boolean {
  return value !== null && (value === '1' || value.toLowerCase() === 'true');
}
